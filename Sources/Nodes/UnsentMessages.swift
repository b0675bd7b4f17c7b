package import Transport

/// Messages that sockets could not take, kept for each peer in order until they can be sent: bounded, since a peer
/// may never read. Once a peer's message waits here, all later ones to it wait behind it.
///
/// A message that does not fit is dropped: everything that counts is sent again until it is acknowledged.
package struct UnsentMessages {
    package static let messageLimitPerPeer = 4096
    package static let byteLimitPerPeer = 64 << 20
    /// Bytes that are kept for all peers together.
    package static let byteLimit = 512 << 20
    package static let peerLimit = 1024

    private struct Queue {
        var messages: [Frame] = []
        var bytes = 0
    }

    private var queues: [Address: Queue] = [:]
    private var bytes = 0
    /// Messages that did not fit, since the beginning.
    package private(set) var dropped: UInt64 = 0

    package init() {}

    package var isEmpty: Bool { queues.isEmpty }

    /// Whether something waits for `address`: later messages have to wait behind it.
    package func contains(_ address: Address) -> Bool { queues[address] != nil }

    /// - Returns: whether the message fitted.
    @discardableResult
    package mutating func append(_ message: Frame, for address: Address) -> Bool {
        let waiting = queues[address].map { (count: $0.messages.count, bytes: $0.bytes) } ?? (count: 0, bytes: 0)
        let fits =
            waiting.count < Self.messageLimitPerPeer && bytes + message.count <= Self.byteLimit
            && waiting.bytes + message.count <= Self.byteLimitPerPeer
            && (waiting.count > 0 || queues.count < Self.peerLimit)
        guard fits else {
            dropped += 1
            return false
        }
        // In place: a queue that is taken out and put back is copied whole.
        queues[address, default: Queue()].messages.append(message)
        queues[address, default: Queue()].bytes += message.count
        bytes += message.count
        return true
    }

    /// Hands out what waits, each peer's messages in order, as long as `send` takes them.
    package mutating func retry(_ send: (Frame, Address) throws -> Bool) rethrows {
        for address in Array(queues.keys) {
            guard let queue = queues[address] else { continue }
            let sent = try queue.messages.firstIndex { try !send($0, address) } ?? queue.messages.count
            guard sent > 0 else { continue }
            let sentBytes = queue.messages[..<sent].reduce(0) { $0 + $1.count }
            bytes -= sentBytes
            queues[address] =
                sent == queue.messages.count
                ? nil
                : Queue(
                    messages: Array(queue.messages[sent...]), bytes: queue.bytes - sentBytes)
        }
    }

    /// Forgets all messages, and keeps the count of those that were dropped.
    package mutating func removeAll() { self = UnsentMessages(dropped: dropped) }

    private init(dropped: UInt64) { self.dropped = dropped }
}
