package import Experience

/// Coordinator to learner: learn this lifetime.
package struct LearnLifetime: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// How often this lifetime was begun; what belongs to an earlier attempt is ignored.
    package var attempt: UInt64
    package var actors: Int
    /// Of the state that the lifetime's last checkpoint left, which is asked for in pieces; 0 to begin from scratch.
    package var stateBytes: UInt64

    package init(lifetime: LifetimeIdentifier, attempt: UInt64, actors: Int, stateBytes: UInt64 = 0) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.actors = actors
        self.stateBytes = stateBytes
    }
}

/// Learner to coordinator: the end rule was met.
package struct LifetimeFinished: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var attempt: UInt64
    /// `final_return`, `episodes`, `updates`, `transitions_learnt`, `mean_policy_lag`, ...
    package var numbers: [String: Double]

    package init(lifetime: LifetimeIdentifier, attempt: UInt64, numbers: [String: Double]) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.numbers = numbers
    }
}

/// Coordinator to actor process: carry these actors of a lifetime.
package struct CarryActors: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var actors: Range<Int>
    package var incarnation: UInt64
    package var attempt: UInt64
    package var learnerEndpoint: String
    package var recorderEndpoint: String
    /// Actors below this number are recorded.
    package var recordedActors: Int
    /// Actors from this number on end their streams with the episode that they are in: they leave an elastic lifetime.
    package var retireFrom: Int
    /// Show the learner, and the recorder, that the actors are leased to their carrier; empty where there is none.
    package var learnerTicket: [UInt8]
    package var recorderTicket: [UInt8]

    package init(
        lifetime: LifetimeIdentifier, actors: Range<Int>, incarnation: UInt64, attempt: UInt64,
        learnerEndpoint: String, recorderEndpoint: String, recordedActors: Int, retireFrom: Int? = nil,
        learnerTicket: [UInt8] = [], recorderTicket: [UInt8] = []
    ) {
        self.lifetime = lifetime
        self.actors = actors
        self.incarnation = incarnation
        self.attempt = attempt
        self.learnerEndpoint = learnerEndpoint
        self.recorderEndpoint = recorderEndpoint
        self.recordedActors = recordedActors
        self.retireFrom = retireFrom ?? actors.upperBound
        self.learnerTicket = learnerTicket
        self.recorderTicket = recorderTicket
    }
}

/// Actor process to coordinator: all streams of the part have ended, and are durable.
package struct CarryingFinished: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var firstActor: Int
    package var incarnation: UInt64

    package init(lifetime: LifetimeIdentifier, firstActor: Int, incarnation: UInt64) {
        self.lifetime = lifetime
        self.firstActor = firstActor
        self.incarnation = incarnation
    }
}

/// Coordinator to learner or actor process: stop working on this attempt.
package struct ReleaseLifetime: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var attempt: UInt64

    package init(lifetime: LifetimeIdentifier, attempt: UInt64) {
        self.lifetime = lifetime
        self.attempt = attempt
    }
}

/// Learner to coordinator: everything that the lifetime's next update depends on, piece by piece. In lockstep every
/// rollout before it is on disk.
package struct LearnerCheckpoint: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var attempt: UInt64
    /// Updates so far.
    package var version: UInt64
    /// This piece of it, where it begins, and how long the whole is.
    package var state: [UInt8]
    package var offset: UInt64
    package var size: UInt64

    /// Without `size` the piece is the whole.
    package init(
        lifetime: LifetimeIdentifier, attempt: UInt64, version: UInt64, state: [UInt8], offset: UInt64 = 0,
        size: UInt64? = nil
    ) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.version = version
        self.state = state
        self.offset = offset
        self.size = size ?? UInt64(state.count)
    }
}

/// Actor process to learner: asks for the parameters to begin with.
package struct JoinLifetime: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var attempt: UInt64
    package var actors: Range<Int>
    package var incarnation: UInt64
    /// As the `CarryActors` has it.
    package var ticket: [UInt8]

    package init(
        lifetime: LifetimeIdentifier, attempt: UInt64, actors: Range<Int>, incarnation: UInt64, ticket: [UInt8] = []
    ) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.actors = actors
        self.incarnation = incarnation
        self.ticket = ticket
    }
}

/// Learner to actor process.
package struct RolloutAnswer: Sendable, Equatable {
    /// Where an actor goes on.
    package struct Place: Sendable, Equatable, Codable {
        package var nextSequence: UInt64
        package var nextEpisode: UInt64

        package init(nextSequence: UInt64 = 0, nextEpisode: UInt64 = 0) {
            self.nextSequence = nextSequence
            self.nextEpisode = nextEpisode
        }
    }

    package var lifetime: LifetimeIdentifier
    package var attempt: UInt64
    package var firstActor: Int
    /// The batch that is answered, counted by its sender from 1; 0 answers a `JoinLifetime`.
    package var batch: UInt64
    package var version: UInt64
    /// What the actors load; empty where they have them.
    package var parameters: [Float]
    /// Every actor ends its stream with the episode that makes it this many; never rises.
    package var episodeLimit: UInt64
    /// In lockstep, in the answer to a `JoinLifetime`: one for each actor of the part.
    package var places: [Place]

    package init(
        lifetime: LifetimeIdentifier, attempt: UInt64, firstActor: Int, batch: UInt64, version: UInt64,
        parameters: [Float], episodeLimit: UInt64, places: [Place] = []
    ) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.firstActor = firstActor
        self.batch = batch
        self.version = version
        self.parameters = parameters
        self.episodeLimit = episodeLimit
        self.places = places
    }
}

/// Actor process or evaluator to learner and recorder: the same bytes to both.
package struct Rollouts: Sendable, Equatable {
    package var attempt: UInt64
    /// First actor of the part that this sender carries.
    package var firstActor: Int
    /// Counted by the sender from 1.
    package var batch: UInt64
    /// Every recorded stream of the part is on disk up to this sequence, as far as the sender knows.
    package var durableSequence: UInt64
    package var content: RolloutBatch

    package init(
        attempt: UInt64, firstActor: Int, batch: UInt64, durableSequence: UInt64 = 0, content: RolloutBatch
    ) {
        self.attempt = attempt
        self.firstActor = firstActor
        self.batch = batch
        self.durableSequence = durableSequence
        self.content = content
    }
}
