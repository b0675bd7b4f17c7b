/// Messages of peers that the role has not looked at yet, within limits, given out by turns.
///
/// Turns are fair by messages, and where these are large by bytes: each turn gives a peer a credit of 16 KiB, and a
/// message goes out when the credit covers it (deficit round robin, Shreedhar and Varghese 1995). An `Inbox` has two,
/// for known peers and for newcomers.
struct WaitingMessages {
    /// In messages, bytes and peers; see `Inbox.Limits` for the numbers.
    struct Limits: Sendable {
        /// Most messages of one peer.
        var messages: Int
        /// Most bytes of one peer; where nothing of it waits, a single message may be larger.
        var bytes: Int
        /// Most bytes of all peers together. Beyond them the peer that has the most here loses messages.
        var allBytes: Int
        /// Peers whose messages wait at a time.
        var peers: Int
        /// What a message takes besides its content.
        var overheadBytes = 256
        /// The credit of one turn: a message that is n times as large waits for n turns of its peer.
        var bytesOfTurn = 16 << 10
    }

    /// What waits of one peer, the oldest at `next`.
    private struct Queue {
        /// Nil where a message was given out.
        var messages: [Frame?] = []
        var next = 0
        var bytes = 0
        /// Bytes that it may still give out before others have their turn.
        var credit = 0

        var count: Int { messages.count - next }

        /// The next message is given out.
        ///
        /// `size` includes the overhead. The rest of the credit stays for the next turn, at most one turn's.
        mutating func give(_ size: Int, credit limit: Int) {
            messages[next] = nil
            next += 1
            bytes -= size
            credit = min(max(0, credit - size), limit)
            // The places of messages that were given out are removed now and then, not each time.
            guard next >= 64, 2 * next >= messages.count else { return }
            messages.removeFirst(next)
            next = 0
        }
    }

    private let limits: Limits
    /// By peer; a peer without messages has no queue.
    private var queues: [PeerIdentity: Queue] = [:]
    /// Peers whose messages wait, by turns.
    private var turns: [PeerIdentity] = []
    /// Index in `turns` of the peer whose turn is next.
    private var turn = 0
    /// Of all messages that wait, overhead included.
    private var bytes = 0
    /// Messages beyond a limit.
    private(set) var dropped: UInt64 = 0

    init(_ limits: Limits) { self.limits = limits }

    var isEmpty: Bool { turns.isEmpty }

    func contains(_ peer: PeerIdentity) -> Bool { queues[peer] != nil }

    /// Not counted in `dropped`.
    mutating func removeAll() { (queues, turns, turn, bytes) = ([:], [], 0, 0) }

    /// Drops the message, or the last ones of the peer that has the most here, where a limit is met; both are counted
    /// in `dropped`.
    mutating func append(_ message: Frame, from peer: PeerIdentity) {
        let size = size(of: message)
        let waiting = queues[peer].map { (count: $0.count, bytes: $0.bytes) } ?? (count: 0, bytes: 0)
        let isFull =
            waiting.count > 0
            ? waiting.count >= limits.messages || waiting.bytes + size > limits.bytes : turns.count >= limits.peers
        guard !isFull, makeRoom(for: size, of: peer, having: waiting.bytes) else {
            dropped += 1
            return
        }
        if waiting.count == 0 { turns.append(peer) }
        // In place: a queue that is taken out and put back is copied whole.
        queues[peer, default: Queue()].messages.append(message)
        queues[peer, default: Queue()].bytes += size
        bytes += size
    }

    /// In bytes: content and overhead.
    private func size(of message: Frame) -> Int { message.count + limits.overheadBytes }

    /// False where `peer` itself would have the most here.
    ///
    /// Takes from the peer that has the most, one message at a time, as long as that peer has more than `peer` would
    /// have.
    private mutating func makeRoom(for size: Int, of peer: PeerIdentity, having own: Int) -> Bool {
        guard size <= limits.allBytes else { return false }
        while bytes + size > limits.allBytes {
            guard let (largest, queue) = queues.max(by: { $0.value.bytes < $1.value.bytes }), largest != peer,
                queue.bytes > own + size
            else { return false }
            dropLast(of: largest)
        }
        return true
    }

    /// The peer's last message is dropped, because its sender sends that one again first.
    private mutating func dropLast(of peer: PeerIdentity) {
        guard let last = queues[peer]?.messages.popLast(), let message = last else { return }
        let size = size(of: message)
        bytes -= size
        dropped += 1
        queues[peer]?.bytes -= size
        if queues[peer]?.count == 0 { _ = removeQueue(of: peer) }
    }

    /// Keeps `turn` at the peer whose turn was next.
    private mutating func removeQueue(of peer: PeerIdentity) -> Queue? {
        guard let queue = queues.removeValue(forKey: peer) else { return nil }
        bytes -= queue.bytes
        if let index = turns.firstIndex(of: peer) {
            turns.remove(at: index)
            if index < turn { turn -= 1 }
        }
        return queue
    }

    /// Takes out what waits of a peer, in order.
    ///
    /// The oldest message comes first.
    mutating func takeAll(of peer: PeerIdentity) -> [Frame] {
        guard let queue = removeQueue(of: peer) else { return [] }
        return queue.messages[queue.next...].compactMap { $0 }
    }

    /// Drops what waits of a peer, but for the last messages.
    ///
    /// Their order stays. Messages that no longer fit a limit are dropped too.
    mutating func dropAll(of peer: PeerIdentity, butLast count: Int) {
        let messages = takeAll(of: peer)
        dropped += UInt64(max(0, messages.count - count))
        for message in messages.suffix(count) { append(message, from: peer) }
    }

    /// The next message, of another peer than the last where more than one have sent something.
    ///
    /// Nil when nothing waits. A peer with large messages is passed over until its credit covers the first of them.
    mutating func next() -> (peer: PeerIdentity, message: Frame)? {
        while !turns.isEmpty {
            if turn >= turns.count { turn = 0 }
            let peer = turns[turn]
            // Taken out of the dictionary and put back, so that its array is changed in place.
            guard var queue = queues.removeValue(forKey: peer), let message = queue.messages[queue.next] else {
                return nil
            }
            queue.credit += limits.bytesOfTurn
            guard turns.count == 1 || size(of: message) <= queue.credit else {
                queues[peer] = queue
                turn += 1
                continue
            }
            queue.give(size(of: message), credit: limits.bytesOfTurn)
            bytes -= size(of: message)
            if queue.count == 0 {
                turns.remove(at: turn)
            } else {
                queues[peer] = queue
                turn += 1
            }
            return (peer, message)
        }
        return nil
    }
}
