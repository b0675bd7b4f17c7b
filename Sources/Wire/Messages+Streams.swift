package import Experience

/// Actor process or evaluator to recorder: make these streams ready for this incarnation.
package struct OpenStreams: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var actors: Range<Int>
    package var incarnation: UInt64
    package var firstPolicyVersion: UInt64
    /// Of each actor, what was called durable to this sender: everything before it. All 0 when empty.
    package var durableSequences: [UInt64]
    /// Of each actor, the sequence that this incarnation began with; empty while it has not begun.
    package var firstSequences: [UInt64]
    /// In an evaluation what acts, as the JSON of `source_json`; empty otherwise. At most 4 KiB.
    package var source: String
    /// As the `CarryActors` or the `EvaluationJob` has it.
    package var ticket: [UInt8]

    package init(
        lifetime: LifetimeIdentifier, actors: Range<Int>, incarnation: UInt64, firstPolicyVersion: UInt64,
        durableSequences: [UInt64] = [], firstSequences: [UInt64] = [], source: String = "",
        ticket: [UInt8] = []
    ) {
        self.lifetime = lifetime
        self.actors = actors
        self.incarnation = incarnation
        self.firstPolicyVersion = firstPolicyVersion
        self.durableSequences = durableSequences
        self.firstSequences = firstSequences
        self.source = source
        self.ticket = ticket
    }
}

/// What may become of a stream.
package enum StreamState: UInt32, Sendable, Equatable, CaseIterable {
    /// It grows.
    case recording = 0
    /// Its marked last rollout is in the file, or the file is sealed: nothing can be appended.
    case ended = 1
    /// Its file was damaged and moved aside: it is neither recorded nor acknowledged any more.
    case quarantined = 2
    /// What was sent is not what the file has of it, though it was to be lived again: the carrier cannot go on.
    case diverged = 3
}

/// Recorder to actor process or evaluator: where each stream stands on disk.
package struct StreamsOpened: Sendable, Equatable {
    package struct Stream: Sendable, Equatable {
        /// The sequence that the recorder expects next.
        package var nextSequence: UInt64
        /// The number of the episode that begins with it.
        package var nextEpisode: UInt64
        package var state: StreamState

        package init(nextSequence: UInt64, nextEpisode: UInt64, state: StreamState = .recording) {
            self.nextSequence = nextSequence
            self.nextEpisode = nextEpisode
            self.state = state
        }
    }

    package var lifetime: LifetimeIdentifier
    package var firstActor: Int
    package var incarnation: UInt64
    /// One for each actor.
    package var streams: [Stream]

    package init(lifetime: LifetimeIdentifier, firstActor: Int, incarnation: UInt64, streams: [Stream]) {
        self.lifetime = lifetime
        self.firstActor = firstActor
        self.incarnation = incarnation
        self.streams = streams
    }
}

/// Recorder to actor process or evaluator: everything before `nextSequence` is on disk.
package struct RolloutsDurable: Sendable, Equatable {
    package struct Stream: Sendable, Equatable {
        package var actor: Int
        package var nextSequence: UInt64
        /// The incarnation that the stream is at; a sender with a lower one has been replaced.
        package var incarnation: UInt64
        package var state: StreamState

        package init(actor: Int, nextSequence: UInt64, incarnation: UInt64, state: StreamState = .recording) {
            self.actor = actor
            self.nextSequence = nextSequence
            self.incarnation = incarnation
            self.state = state
        }
    }

    package var lifetime: LifetimeIdentifier
    package var streams: [Stream]
    /// Rollouts from `nextSequence` on were lost on the way or refused: send them again.
    package var resend: Bool
    /// Why the receiver's incarnation is refused, in words; empty where it is not.
    package var refusal: String

    package init(lifetime: LifetimeIdentifier, streams: [Stream], resend: Bool, refusal: String = "") {
        self.lifetime = lifetime
        self.streams = streams
        self.resend = resend
        self.refusal = refusal
    }
}

/// Recorder to coordinator: these files are complete.
package struct StreamsSealed: Sendable, Equatable {
    package struct Stream: Sendable, Equatable {
        package var actor: Int
        package var rows: UInt64
        package var rollouts: UInt64

        package init(actor: Int, rows: UInt64, rollouts: UInt64) {
            self.actor = actor
            self.rows = rows
            self.rollouts = rollouts
        }
    }

    package var lifetime: LifetimeIdentifier
    package var streams: [Stream]

    package init(lifetime: LifetimeIdentifier, streams: [Stream]) {
        self.lifetime = lifetime
        self.streams = streams
    }
}

/// Actor process or evaluator to coordinator: the recorder takes no more of these streams from it, and it has given them
/// up.
package struct StreamsRefused: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var firstActor: Int
    /// The sender's.
    package var incarnation: UInt64
    /// Incarnations have to be above this one to be taken.
    package var above: UInt64
    package var reason: String
    /// What was lived again came out otherwise than the file has it.
    package var isDiverged: Bool

    package init(
        lifetime: LifetimeIdentifier, firstActor: Int, incarnation: UInt64, above: UInt64, reason: String,
        isDiverged: Bool = false
    ) {
        self.lifetime = lifetime
        self.firstActor = firstActor
        self.incarnation = incarnation
        self.above = above
        self.reason = reason
        self.isDiverged = isDiverged
    }
}

/// Coordinator to recorder: a lifetime is lived anew from its beginning; its files are moved aside.
package struct DiscardStreams: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Lower ones are refused from now on.
    package var incarnation: UInt64
    package var reason: String

    package init(lifetime: LifetimeIdentifier, incarnation: UInt64, reason: String) {
        self.lifetime = lifetime
        self.incarnation = incarnation
        self.reason = reason
    }
}

/// Coordinator to recorder: no carrier will come back for these.
package struct SealStreams: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var actors: [Int]

    package init(lifetime: LifetimeIdentifier, actors: [Int]) {
        self.lifetime = lifetime
        self.actors = actors
    }
}

/// Recorder to coordinator: this stream's file was damaged and moved aside; all others go on.
package struct StreamQuarantined: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var actor: Int
    package var reason: String

    package init(lifetime: LifetimeIdentifier, actor: Int, reason: String) {
        self.lifetime = lifetime
        self.actor = actor
        self.reason = reason
    }
}
