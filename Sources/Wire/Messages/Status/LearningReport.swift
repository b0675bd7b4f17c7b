import CWire
package import Experience

/// How far one lifetime is with its learner, in the learner's heartbeat.
///
/// For people, in `distillery status` and in plots: nothing in the cluster depends on it.
package struct LearningReport: Sendable, Equatable {
    /// Which of the learner's lifetimes.
    package var lifetime: LifetimeIdentifier
    /// Updates of the learner so far, which is the policy version.
    package var updates: UInt64
    /// Taken from all its actors so far.
    package var transitions: UInt64
    /// Finished by all its actors so far.
    package var episodes: UInt64
    /// Updates that the learner was ahead of the policy of the rollouts it learnt from, on average.
    package var meanPolicyLag: Double
    /// The greatest such lag, in updates.
    package var maximumPolicyLag: Double
    /// Mean return of the last finished episodes; 0 before the first.
    package var recentReturn: Double
    /// How many episodes that mean is over.
    package var recentEpisodes: UInt64

    /// A learner without finished episodes leaves the last two at 0.
    package init(
        lifetime: LifetimeIdentifier, updates: UInt64, transitions: UInt64, episodes: UInt64, meanPolicyLag: Double,
        maximumPolicyLag: Double, recentReturn: Double = 0, recentEpisodes: UInt64 = 0
    ) {
        self.lifetime = lifetime
        self.updates = updates
        self.transitions = transitions
        self.episodes = episodes
        self.meanPolicyLag = meanPolicyLag
        self.maximumPolicyLag = maximumPolicyLag
        self.recentReturn = recentReturn
        self.recentEpisodes = recentEpisodes
    }
}

extension LearningReport: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__LearningReport>?) -> Void {
        distillery__learning_report__init
    }

    func encode(into body: inout Distillery__LearningReport, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.updates = updates
        body.transitions = transitions
        body.episodes = episodes
        body.mean_policy_lag = meanPolicyLag
        body.maximum_policy_lag = maximumPolicyLag
        body.recent_return = recentReturn
        body.recent_episodes = recentEpisodes
    }

    /// Throws for counters near the end of their types and for numbers that are not finite.
    init(decoding body: Distillery__LearningReport) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        updates = try Field.count(body.updates, "number of updates")
        transitions = try Field.count(body.transitions, "number of transitions")
        episodes = try Field.count(body.episodes, "number of episodes")
        meanPolicyLag = try Field.finite(body.mean_policy_lag, "policy lag")
        maximumPolicyLag = try Field.finite(body.maximum_policy_lag, "policy lag")
        recentReturn = try Field.finite(body.recent_return, "return")
        recentEpisodes = try Field.count(body.recent_episodes, "number of episodes")
    }
}
