package import Nodes

/// What a full disk holds up: the turn of the coordinator that could not be written down, and checkpoints that could
/// not be stored. Owned by the coordinator.
///
/// A turn is withheld whole, with everything that it wanted to say. It is tried again each second.
package struct DiskRoom {
    private static let retryNanoseconds: UInt64 = 1_000_000_000
    /// Senders of checkpoints try again within this time.
    private static let checkpointNanoseconds: UInt64 = 5_000_000_000

    /// What the withheld turn waits for, in words; nil while everything is written down.
    package private(set) var obstacle: String?
    private var outbox = Outbox()
    private var nextTry: UInt64 = 0
    private var unwritten: (reason: String, time: UInt64)?
    /// Checkpoints, or pieces of them, that could not be written when they came.
    package private(set) var unwrittenCheckpoints = 0

    package init() {}

    /// A turn is withheld: no further one may begin.
    package var isWithholding: Bool { obstacle != nil }

    /// Whether it is too early to try again.
    package func isResting(now: UInt64) -> Bool { isWithholding && now < nextTry }

    /// The turn could not be written down. What it wanted to say is taken out of `messages`; a turn that is withheld
    /// already keeps its own, and only the obstacle is new. Returns whether this one is the first.
    package mutating func withhold(_ messages: inout Outbox, _ obstacle: String, now: UInt64) -> Bool {
        let isFirst = !isWithholding
        self.obstacle = obstacle
        nextTry = now + Self.retryNanoseconds
        guard isFirst else { return false }
        outbox = messages
        messages.removeAll()
        return true
    }

    /// The turn is written down: puts what it wanted to say before `messages`. False where none was withheld.
    package mutating func release(into messages: inout Outbox) -> Bool {
        guard isWithholding else { return false }
        obstacle = nil
        outbox.append(messages)
        messages = outbox
        outbox = Outbox()
        return true
    }

    /// A checkpoint could not be written; its sender tries again. Returns whether that is news.
    package mutating func noteUnwritten(_ checkpoint: String, _ reason: String, now: UInt64) -> Bool {
        defer { unwritten = ("\(checkpoint) to be stored: \(reason)", now) }
        unwrittenCheckpoints += 1
        return unwrittenCheckpoint(now: now) == nil
    }

    /// The checkpoint that waits for room, and why; nil when none was left unwritten in the last 5 s.
    package func unwrittenCheckpoint(now: UInt64) -> String? {
        guard let unwritten, now < unwritten.time + Self.checkpointNanoseconds else { return nil }
        return unwritten.reason
    }
}
