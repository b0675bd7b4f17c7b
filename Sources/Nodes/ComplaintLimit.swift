package import Transport

/// A bound on complaints, by peer and in all: a peer that floods us with nonsense gets few answers and fills no
/// log.
///
/// Sockets use one for the failures that they send (`Outbox.Item.isComplaint`), the coordinator and the recorder
/// another for what they say of refused messages. Each owner has its own and calls it from its own thread.
package struct ComplaintLimit {
    /// Complaints to, or of, one address in an interval.
    package static let perPeer = 16
    /// Complaints to all addresses together in an interval: names cost nothing, so that a bound by name alone is
    /// none.
    package static let inAll = 1024
    /// Counts begin anew after this time. The interval is fixed, not sliding: two bursts may stand back to back.
    package static let intervalNanoseconds: UInt64 = 1_000_000_000

    private var counts: [Address: Int] = [:]
    private var total = 0
    private var began: UInt64 = 0

    package init() {}

    /// Whether one more complaint may be made now. A true answer counts as the complaint.
    /// - Parameter now: nanoseconds that never go back.
    package mutating func allows(_ address: Address, now: UInt64) -> Bool {
        if now >= began + Self.intervalNanoseconds {
            counts.removeAll(keepingCapacity: true)
            total = 0
            began = now
        }
        guard total < Self.inAll, counts[address, default: 0] < Self.perPeer else { return false }
        counts[address, default: 0] += 1
        total += 1
        return true
    }

    /// Gives every item to `send`, once for each of its addresses, but for complaints beyond the bounds.
    package mutating func pass(
        _ items: [Outbox.Item], now: UInt64, to send: (Frame, Address) throws -> Void
    ) rethrows {
        for item in items {
            let message = Frame(item.bytes)
            for address in item.addresses where !item.isComplaint || allows(address, now: now) {
                try send(message, address)
            }
        }
    }
}
