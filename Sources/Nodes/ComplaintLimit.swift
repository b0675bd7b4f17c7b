/// How often somebody may be told, or may tell, that something is wrong: who floods us with nonsense gets few answers
/// and fills no log.
package struct ComplaintLimit {
    package static let perPeer = 16
    package static let inAll = 1024
    package static let intervalNanoseconds: UInt64 = 1_000_000_000

    private var counts: [Address: Int] = [:]
    private var total = 0
    private var began: UInt64 = 0

    package init() {}

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
}
