import CWire
package import Experience

/// Recorder to actor process or evaluator, after each flush and in answer to rollouts that it cannot take: everything
/// before `nextSequence` is on disk. Not answered; a lost one is made up for by the next, since it counts from the
/// stream's beginning.
package struct RolloutsDurable: Sendable, Equatable {
    /// Where one stream of the part stands; a message need not name all of them.
    package struct Stream: Sendable, Equatable {
        /// Number of the actor in its lifetime, or of the seed in an evaluation.
        package var actor: Int
        /// Everything before this is on disk, and may be forgotten by its sender.
        package var nextSequence: UInt64
        /// The incarnation that the stream is at; a sender with a lower one has been replaced.
        package var incarnation: UInt64
        /// Whether the stream still grows, has ended, was quarantined or has diverged.
        package var state: StreamState

        /// `state` is `recording` unless something ended it.
        package init(actor: Int, nextSequence: UInt64, incarnation: UInt64, state: StreamState = .recording) {
            self.actor = actor
            self.nextSequence = nextSequence
            self.incarnation = incarnation
            self.state = state
        }
    }

    package var lifetime: LifetimeIdentifier
    /// In any order; some of the part's, or all.
    package var streams: [Stream]
    /// Rollouts from `nextSequence` on were lost on the way or refused: send them again.
    package var resend: Bool
    /// Why the receiver's incarnation is refused, in words; empty where it is not.
    package var refusal: String

    /// `refusal` concerns the sender's incarnation as a whole, not one stream.
    package init(lifetime: LifetimeIdentifier, streams: [Stream], resend: Bool, refusal: String = "") {
        self.lifetime = lifetime
        self.streams = streams
        self.resend = resend
        self.refusal = refusal
    }
}

extension RolloutsDurable: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__RolloutsDurable>?) -> Void {
        distillery__rollouts_durable__init
    }
    static var place: EnvelopePlace<Distillery__RolloutsDurable> {
        .init(DISTILLERY__ENVELOPE__BODY_ROLLOUTS_DURABLE, \.rollouts_durable)
    }

    func encode(into body: inout Distillery__RolloutsDurable, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        (body.n_actor, body.actor) = arena.array(streams.map { UInt32($0.actor) })
        (body.n_next_sequence, body.next_sequence) = arena.array(streams.map(\.nextSequence))
        (body.n_incarnation, body.incarnation) = arena.array(streams.map(\.incarnation))
        body.resend = arena.flag(resend)
        body.refusal = arena.string(refusal)
        (body.n_state, body.state) = arena.array(streams.map(\.state.encoded))
    }

    /// Throws for lists of different lengths and for a state that this version does not know.
    init(decoding body: Distillery__RolloutsDurable) throws {
        try Field.equal(body.n_actor, body.n_next_sequence, "next sequences")
        try Field.equal(body.n_actor, body.n_incarnation, "incarnations")
        try Field.equal(body.n_actor, body.n_state, "states")
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        streams = try (0..<body.n_actor).map {
            Stream(
                actor: Int(body.actor[$0]), nextSequence: body.next_sequence[$0], incarnation: body.incarnation[$0],
                state: try StreamState(decoding: body.state[$0]))
        }
        resend = body.resend != 0
        refusal = Field.beginning(of: body.refusal)
    }
}
