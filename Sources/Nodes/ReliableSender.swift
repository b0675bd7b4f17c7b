import Transport
package import Wire

/// Sends messages again until they are acknowledged, each time after twice the wait up to a longest one. The receiver
/// must take the same message twice without harm.
///
/// Each message has a number of its own, which its acknowledgement repeats. It is sent at once, again after 1 s,
/// then after 2, 4, 8, 8, ... s, for as long as it is open: it is for the owner to `cancel` or `forget`. Order is
/// not kept: a later message may arrive before an earlier one, so that receivers compare request numbers where
/// order counts.
///
/// Coordinators send their commands by it, roles their reports.
package struct ReliableSender: Sendable {
    package static let resendIntervalMilliseconds: UInt64 = 1000
    package static let longestResendIntervalMilliseconds: UInt64 = 8000

    private struct Pending: Sendable {
        let bytes: [UInt8]
        let address: Address
        var nextSend: UInt64
        var interval = ReliableSender.interval
    }

    private var pending: [UInt64: Pending] = [:]
    private var lastRequest: UInt64
    /// Nothing has to be sent again before.
    private var nextTurn: UInt64 = 0

    /// `after`: requests are numbered from the one behind it. A sender that takes the place of one that has died
    /// begins behind that one's last number, so that late acknowledgements mean nothing.
    package init(after: UInt64 = 0) { lastRequest = after }

    /// Everything was acknowledged, refused or forgotten. A role that is to leave waits for it.
    package var isEmpty: Bool { pending.isEmpty }

    /// Sends at once, and again until the receiver answers. Gives back the number of the request, 1 for the first.
    @discardableResult
    package mutating func send(_ message: Message, to address: Address, now: UInt64, outbox: inout Outbox) -> UInt64 {
        lastRequest += 1
        let bytes = Envelope(message, request: lastRequest).encoded()
        outbox.send(bytes, to: [address])
        pending[lastRequest] = Pending(bytes: bytes, address: address, nextSend: now + Self.interval)
        nextTurn = min(nextTurn, now + Self.interval)
        return lastRequest
    }

    /// True when the request was one of ours to that receiver and was still open: a stranger's acknowledgement
    /// means nothing.
    @discardableResult
    package mutating func acknowledge(_ request: UInt64, by receiver: Address) -> Bool {
        guard pending[request]?.address == receiver else { return false }
        pending[request] = nil
        return true
    }

    /// The receiver will never take the request, and has said so; it is not sent again. True as for `acknowledge`.
    package mutating func refuse(_ request: UInt64, by receiver: Address) -> Bool {
        acknowledge(request, by: receiver)
    }

    /// Forgets a request that is no longer of interest.
    package mutating func cancel(_ request: UInt64) { pending[request] = nil }

    /// Forgets what was meant for a node that has gone.
    package mutating func forget(_ address: Address) { pending = pending.filter { $0.value.address != address } }

    /// Sends again what is due. Cheap where nothing is; called with each tick of its owner.
    package mutating func tick(now: UInt64, outbox: inout Outbox) {
        guard now >= nextTurn else { return }
        for request in pending.filter({ now >= $0.value.nextSend }).keys.sorted() {
            guard var entry = pending[request] else { continue }
            outbox.send(entry.bytes, to: [entry.address])
            entry.interval = min(2 * entry.interval, Self.longestResendIntervalMilliseconds * nanosecondsPerMillisecond)
            entry.nextSend = now + entry.interval
            pending[request] = entry
        }
        nextTurn = pending.values.map(\.nextSend).min() ?? now + Self.interval
    }

    private static let interval = resendIntervalMilliseconds * nanosecondsPerMillisecond
}
