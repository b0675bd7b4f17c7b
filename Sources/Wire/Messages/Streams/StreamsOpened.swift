import CWire
package import Experience

/// Recorder to actor process or evaluator, in answer to `OpenStreams`: where each stream stands on disk.
package struct StreamsOpened: Sendable, Equatable {
    /// Where one stream stands; its actor is `firstActor` plus its place in the list.
    package struct Stream: Sendable, Equatable {
        /// The sequence that the recorder expects next.
        package var nextSequence: UInt64
        /// The number of the episode that begins with it: above the number of an episode that was cut.
        package var nextEpisode: UInt64
        /// A stream that has ended or was quarantined takes no more rollouts.
        package var state: StreamState

        /// A new file gives 0 and 0.
        package init(nextSequence: UInt64, nextEpisode: UInt64, state: StreamState = .recording) {
            self.nextSequence = nextSequence
            self.nextEpisode = nextEpisode
            self.state = state
        }
    }

    package var lifetime: LifetimeIdentifier
    /// As in the `OpenStreams` that is answered.
    package var firstActor: Int
    /// Of the `OpenStreams` that is answered: an answer to an earlier carrier is told by it.
    package var incarnation: UInt64
    /// One for each actor from `firstActor` on.
    package var streams: [Stream]

    /// One element for each actor that was asked for, in their order.
    package init(lifetime: LifetimeIdentifier, firstActor: Int, incarnation: UInt64, streams: [Stream]) {
        self.lifetime = lifetime
        self.firstActor = firstActor
        self.incarnation = incarnation
        self.streams = streams
    }
}

extension StreamsOpened: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__StreamsOpened>?) -> Void {
        distillery__streams_opened__init
    }
    static var place: EnvelopePlace<Distillery__StreamsOpened> {
        .init(DISTILLERY__ENVELOPE__BODY_STREAMS_OPENED, \.streams_opened)
    }

    func encode(into body: inout Distillery__StreamsOpened, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.first_actor = UInt32(firstActor)
        body.incarnation = incarnation
        (body.n_next_sequence, body.next_sequence) = arena.array(streams.map(\.nextSequence))
        (body.n_next_episode, body.next_episode) = arena.array(streams.map(\.nextEpisode))
        (body.n_state, body.state) = arena.array(streams.map(\.state.encoded))
    }

    /// Throws for lists of different lengths, actors beyond `WireProtocol.actorLimit` and counters near the end of
    /// their types.
    init(decoding body: Distillery__StreamsOpened) throws {
        try Field.equal(body.n_next_sequence, body.n_next_episode, "next episodes")
        try Field.equal(body.n_next_sequence, body.n_state, "states")
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        firstActor = try Field.actors(body.first_actor, UInt32(clamping: body.n_next_sequence)).lowerBound
        incarnation = body.incarnation
        streams = try (0..<body.n_next_sequence).map {
            Stream(
                nextSequence: try Field.count(body.next_sequence[$0], "sequence"),
                nextEpisode: try Field.count(body.next_episode[$0], "episode"),
                state: try StreamState(decoding: body.state[$0]))
        }
    }
}
