import Experience
import Wire

/// Sees from outside whether lifetimes that are learnt leave states behind, so that the death of a learner costs little.
package final class WatchedLearning {
    private struct Stretch {
        var updates: UInt64
        /// When the last look was that found more updates.
        var learntAt: UInt64
        /// Since when more updates have come again and again, and no state.
        var since: UInt64
    }

    /// Longer than anything that goes wrong keeps a recorder's word from a learner, and a learner's from the coordinator.
    private static let pauseNanoseconds: UInt64 = 5_000_000_000
    private static let limitNanoseconds: UInt64 = 40_000_000_000
    private static let learnerCheckpointBody = 25

    private var stretches: [LifetimeIdentifier: Stretch] = [:]
    private var without: Set<LifetimeIdentifier> = []

    func look(at reports: [LearningReport], now: UInt64) {
        var next: [LifetimeIdentifier: Stretch] = [:]
        for report in reports {
            let known = stretches[report.lifetime]
            let learntAt = known.flatMap { report.updates > $0.updates ? nil : $0.learntAt } ?? now
            let since = known.flatMap { now < $0.learntAt + Self.pauseNanoseconds ? $0.since : nil } ?? now
            next[report.lifetime] = Stretch(updates: report.updates, learntAt: learntAt, since: since)
            if now >= since + Self.limitNanoseconds { without.insert(report.lifetime) }
        }
        stretches = next
    }

    /// What reaches the coordinator.
    func hear(_ bytes: [UInt8]) {
        guard bodyNumber(of: bytes) == Self.learnerCheckpointBody, let envelope = try? Envelope(decoding: bytes),
            case .learnerCheckpoint(let checkpoint) = envelope.message
        else { return }
        stretches[checkpoint.lifetime] = nil
    }

    package var violations: [String] {
        without.map {
            "\($0) was learnt for \(Self.limitNanoseconds / 1_000_000_000) s on end, and no state of it was left behind"
        }.sorted()
    }
}
