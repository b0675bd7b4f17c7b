/// What peers have sent and nobody has looked at yet, taken from a ROUTER as it comes and given out by turns.
///
/// A socket's own queue must never fill: libzmq 4.3 ends the whole process by an assertion when a peer disappears while
/// its queue is full (zeromq/libzmq issues 3937 and 4841). So the socket's limit is far away, everything is taken from
/// it at once, and the limits that protect our memory are kept here: what a peer sends beyond them is dropped and
/// counted. All that matters is sent again until it is answered.
package struct Inbox {
    /// For the sockets whose messages go through an inbox, or come from those that we trust.
    package static let receiveQueueMessages = 1 << 20

    package struct Limits: Sendable {
        /// Of one peer.
        package var messages = 1 << 17
        package var bytes = 256 << 20
        /// Of all together.
        package var allBytes = 1 << 30
        /// Taken from the socket in one go.
        package var messagesOfFill = 1 << 13

        package init() {}
    }

    private struct Queue {
        /// Nil where a message was given out.
        var messages: [Message?] = []
        var next = 0
        var bytes = 0

        var count: Int { messages.count - next }
    }

    private let limits: Limits
    private var queues: [PeerIdentity: Queue] = [:]
    /// Peers whose messages wait, by turns.
    private var turns: [PeerIdentity] = []
    private var turn = 0
    private var bytes = 0
    /// Messages beyond a limit.
    package private(set) var dropped: UInt64 = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var isEmpty: Bool { turns.isEmpty }

    /// Takes what has come; `onArrival` hears from whom.
    package mutating func fill(
        from socket: RouterSocket, onArrival: (PeerIdentity) -> Void = { _ in }
    ) throws(TransportError) {
        for _ in 0..<limits.messagesOfFill {
            guard let (peer, message) = try socket.receive() else { return }
            append(message, from: peer)
            onArrival(peer)
        }
    }

    /// Lets go of everything that waits.
    package mutating func removeAll() {
        (queues, turns, turn, bytes) = ([:], [], 0, 0)
    }

    package mutating func append(_ message: Message, from peer: PeerIdentity) {
        let waiting = queues[peer].map { (count: $0.count, bytes: $0.bytes) } ?? (count: 0, bytes: 0)
        let isFull =
            waiting.count >= limits.messages || waiting.bytes + message.count > limits.bytes
            || bytes + message.count > limits.allBytes
        guard !isFull else {
            dropped += 1
            return
        }
        if waiting.count == 0 { turns.append(peer) }
        // In place: a queue that is taken out and put back is copied whole.
        queues[peer, default: Queue()].messages.append(message)
        queues[peer, default: Queue()].bytes += message.count
        bytes += message.count
    }

    /// The next message, of another peer than the last where more than one have sent something.
    package mutating func next() -> (peer: PeerIdentity, message: Message)? {
        guard !turns.isEmpty else { return nil }
        if turn >= turns.count { turn = 0 }
        let peer = turns[turn]
        guard var queue = queues.removeValue(forKey: peer) else { return nil }
        guard let message = queue.messages[queue.next] else { return nil }
        queue.messages[queue.next] = nil
        queue.next += 1
        queue.bytes -= message.count
        bytes -= message.count
        if queue.next == queue.messages.count {
            turns.remove(at: turn)
        } else {
            // What was given out is let go of now and then, not each time.
            if queue.next >= 64, 2 * queue.next >= queue.messages.count {
                queue.messages.removeFirst(queue.next)
                queue.next = 0
            }
            queues[peer] = queue
            turn += 1
        }
        return (peer, message)
    }
}
