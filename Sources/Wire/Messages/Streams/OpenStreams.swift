import CWire
package import Experience

/// Actor process or evaluator to recorder, before its first rollouts and whenever it does not know where the recorder
/// stands: make these streams ready for this incarnation. Answered with `StreamsOpened`, `RolloutsDurable` with a
/// refusal, or a failure.
///
/// The file decides, not the order in which senders come: an incarnation below the file's is refused, and so is one
/// that says it has not begun though the file has rollouts of it.
package struct OpenStreams: Sendable, Equatable {
    /// The lifetime, or the evaluation and task, that the streams belong to.
    package var lifetime: LifetimeIdentifier
    /// Only recorded ones; their streams are handed over together, when the last of them is open.
    package var actors: Range<Int>
    /// Of the sender, for all these actors.
    package var incarnation: UInt64
    /// The version that the actors began with: above 0 for those that join an elastic lifetime late. Written into a new
    /// file.
    package var firstPolicyVersion: UInt64
    /// For each actor, the sequence before which everything was called durable to this sender. Empty: 0 for all.
    package var durableSequences: [UInt64]
    /// For each actor, the sequence that this incarnation began with; empty while it has not begun.
    package var firstSequences: [UInt64]
    /// In an evaluation what acts, as the JSON of `source_json`; empty otherwise. At most 4 KiB.
    package var source: String
    /// As the `CarryActors` or the `EvaluationJob` has it.
    package var ticket: [UInt8]

    /// A carrier that begins leaves both lists of sequences empty.
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

extension OpenStreams: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__OpenStreams>?) -> Void { distillery__open_streams__init }
    static var place: EnvelopePlace<Distillery__OpenStreams> {
        .init(DISTILLERY__ENVELOPE__BODY_OPEN_STREAMS, \.open_streams)
    }

    func encode(into body: inout Distillery__OpenStreams, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.first_actor = UInt32(actors.lowerBound)
        body.actors = UInt32(actors.count)
        body.incarnation = incarnation
        body.first_policy_version = firstPolicyVersion
        (body.n_durable_sequence, body.durable_sequence) = arena.array(durableSequences)
        (body.n_first_sequence, body.first_sequence) = arena.array(firstSequences)
        body.source = arena.string(source)
        body.ticket = arena.bytes(ticket)
    }

    /// Throws for lists that have not one element for each actor, counters near the end of their types, and a source or
    /// ticket that is too long.
    init(decoding body: Distillery__OpenStreams) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        actors = try Field.actors(body.first_actor, body.actors)
        if body.n_durable_sequence > 0 {
            try Field.equal(actors.count, body.n_durable_sequence, "durable sequences")
        }
        if body.n_first_sequence > 0 { try Field.equal(actors.count, body.n_first_sequence, "first sequences") }
        incarnation = body.incarnation
        firstPolicyVersion = try Field.count(body.first_policy_version, "policy version")
        durableSequences = try Field.counts(body.durable_sequence, body.n_durable_sequence, "sequence")
        firstSequences = try Field.counts(body.first_sequence, body.n_first_sequence, "sequence")
        source = try Field.shortText(body.source, "description of a source")
        ticket = try Field.ticket(body.ticket)
    }
}
