import CWire
package import Experience

/// Learner to actor process, in answer to a `JoinLifetime` and to `Rollouts`; in lockstep once the update is made that
/// these take part in.
///
/// Few rollouts of a stream may be unanswered, in lockstep one, so a slow learner holds its actors back.
package struct RolloutAnswer: Sendable, Equatable {
    /// Where an actor goes on.
    package struct Place: Sendable, Equatable, Codable {
        /// Sequence number of the actor's next rollout.
        package var nextSequence: UInt64
        /// Number of the episode that it begins with.
        package var nextEpisode: UInt64

        /// A fresh actor begins with 0 and 0.
        package init(nextSequence: UInt64 = 0, nextEpisode: UInt64 = 0) {
            self.nextSequence = nextSequence
            self.nextEpisode = nextEpisode
        }
    }

    /// The lifetime whose part is answered.
    package var lifetime: LifetimeIdentifier
    /// Of the lifetime; an actor process ignores answers of another one.
    package var attempt: UInt64
    /// Names the part together with `lifetime`.
    package var firstActor: Int
    /// The batch that is answered, counted by its sender from 1; 0 answers a `JoinLifetime`.
    package var batch: UInt64
    /// Updates so far.
    package var version: UInt64
    /// What the actors load: the parameters of a network, or a table (observations, actions) of probabilities; empty
    /// where they have them.
    package var parameters: [Float]
    /// Every actor ends its stream with the episode that makes it this many; never rises.
    package var episodeLimit: UInt64
    /// In lockstep, in the answer to a `JoinLifetime`: one for each actor of the part.
    package var places: [Place]

    /// Without `places` the actors go on from where the recorder's `StreamsOpened` has them.
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

extension RolloutAnswer: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__RolloutAnswer>?) -> Void {
        distillery__rollout_answer__init
    }
    static var place: EnvelopePlace<Distillery__RolloutAnswer> {
        .init(DISTILLERY__ENVELOPE__BODY_ROLLOUT_ANSWER, \.rollout_answer)
    }

    func encode(into body: inout Distillery__RolloutAnswer, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.attempt = attempt
        body.first_actor = UInt32(firstActor)
        body.batch = batch
        body.version = version
        body.parameters = arena.bytes(parameters)
        body.episode_limit = episodeLimit
        (body.n_next_sequence, body.next_sequence) = arena.array(places.map(\.nextSequence))
        (body.n_next_episode, body.next_episode) = arena.array(places.map(\.nextEpisode))
    }

    /// Throws for lists of different lengths, parameters whose bytes are no whole floats, and counters near the end of
    /// their types.
    init(decoding body: Distillery__RolloutAnswer) throws {
        try Field.equal(body.n_next_sequence, body.n_next_episode, "next episodes")
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        attempt = body.attempt
        firstActor = Int(body.first_actor)
        batch = body.batch
        version = try Field.count(body.version, "version")
        parameters = try Field.floats(body.parameters, "parameters")
        episodeLimit = body.episode_limit
        places = try (0..<body.n_next_sequence).map {
            Place(
                nextSequence: try Field.count(body.next_sequence[$0], "sequence"),
                nextEpisode: try Field.count(body.next_episode[$0], "episode"))
        }
    }
}
