package import Wire

/// When the run last got on: steps, results, seals, pieces of checkpoints and of what is loaded, a new phase. Owned by
/// the coordinator.
package struct Movement {
    /// Counters of a node that rise when the run gets on; a message that is refused or sent again does not raise them.
    private static let counters = [
        "environment_steps", "evaluation_steps", "transitions", "steps", "sealed_streams",
    ]

    /// In nanoseconds of the coordinator's clock.
    package private(set) var last: UInt64

    package init(now: UInt64) { last = now }

    /// Something that counts has happened.
    package mutating func note(now: UInt64) { last = max(last, now) }

    /// For how long nothing has, in nanoseconds.
    package func stillness(now: UInt64) -> UInt64 { max(now, last) - last }

    /// Whether a node has got on between two of its heartbeats: a counter has risen, or a step of its work.
    package static func isShown(by new: Heartbeat, after old: Heartbeat) -> Bool {
        counters.contains { (new.numbers[$0] ?? 0) > (old.numbers[$0] ?? 0) } || isLoading(new.work, after: old.work)
    }

    private static func isLoading(_ new: Work?, after old: Work?) -> Bool {
        guard let new, new.done > 0 else { return false }
        return old.map { new.what != $0.what || new.done != $0.done } ?? true
    }
}
