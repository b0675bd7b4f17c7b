package import Experience

/// A sign of life with the node's counters and what is to be seen of its work.
package struct Heartbeat: Sendable, Equatable {
    /// More parts, or more lifetimes, are not told of.
    package static let listLimit = 32

    package var numbers: [String: Double]
    package var waiting: Waiting?
    /// Of an actor process, those that wait longest first.
    package var parts: [CarriedPart]
    /// Of a learner.
    package var learning: [LearningReport]
    /// Nil unless a step takes long, or a piece of work of many steps is under way.
    package var work: Work?

    package init(
        numbers: [String: Double] = [:], waiting: Waiting? = nil, parts: [CarriedPart] = [],
        learning: [LearningReport] = [], work: Work? = nil
    ) {
        self.numbers = numbers
        self.waiting = waiting
        self.parts = parts
        self.learning = learning
        self.work = work
    }
}

/// Long work of a node: what it is at, and how it gets on.
package struct Work: Sendable, Equatable {
    package var what: String
    /// Since it began.
    package var milliseconds: UInt64
    /// Since it last got on.
    package var stillMilliseconds: UInt64
    /// Pieces that are done, of so many; both 0 where they are not counted.
    package var done: UInt64
    package var total: UInt64

    package init(what: String, milliseconds: UInt64, stillMilliseconds: UInt64, done: UInt64 = 0, total: UInt64 = 0) {
        self.what = what
        self.milliseconds = milliseconds
        self.stillMilliseconds = stillMilliseconds
        self.done = done
        self.total = total
    }
}

/// What a node waits for.
package struct Waiting: Sendable, Equatable {
    /// A node's name or endpoint; empty where it does not wait for a node.
    package var whom: String
    /// What is missing, in words.
    package var why: String
    /// How long nothing has come of it.
    package var milliseconds: UInt64

    package init(for whom: String, why: String, milliseconds: UInt64) {
        self.whom = whom
        self.why = why
        self.milliseconds = milliseconds
    }
}

/// How one part of a lifetime stands with the process that carries it.
package struct CarriedPart: Sendable, Equatable {
    package enum Phase: UInt32, Sendable, Equatable, CaseIterable {
        /// Waits for the learner's parameters.
        case joining
        /// Waits for the recorder to say where each stream stands.
        case opening
        case running
        /// All is sent; waits for the recorder to make it durable.
        case draining
    }

    package var lifetime: LifetimeIdentifier
    package var actors: Range<Int>
    package var phase: Phase
    /// Rollouts that the learner has not answered, and how many may be.
    package var unansweredRollouts: Int
    package var unansweredLimit: Int
    /// That the recorder has not called durable.
    package var unacknowledgedBytes: Int
    package var policyVersion: UInt64

    package init(
        lifetime: LifetimeIdentifier, actors: Range<Int>, phase: Phase, unansweredRollouts: Int, unansweredLimit: Int,
        unacknowledgedBytes: Int, policyVersion: UInt64
    ) {
        self.lifetime = lifetime
        self.actors = actors
        self.phase = phase
        self.unansweredRollouts = unansweredRollouts
        self.unansweredLimit = unansweredLimit
        self.unacknowledgedBytes = unacknowledgedBytes
        self.policyVersion = policyVersion
    }
}

/// How far one lifetime is with its learner.
package struct LearningReport: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var updates: UInt64
    package var transitions: UInt64
    package var episodes: UInt64
    /// Of the rollouts learnt from, in updates.
    package var meanPolicyLag: Double
    package var maximumPolicyLag: Double
    /// Mean return of the last finished episodes, and how many these are; 0 of 0 before the first.
    package var recentReturn: Double
    package var recentEpisodes: UInt64

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
