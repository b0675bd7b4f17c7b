import CWire
package import Experience

/// Recorder to coordinator, again until it is acknowledged: these files are complete, and their names durable.
///
/// Streams that were sealed in one turn come together. The coordinator writes them into its catalogue before it
/// acknowledges.
package struct StreamsSealed: Sendable, Equatable {
    /// What the sealed file holds.
    package struct Stream: Sendable, Equatable {
        /// Number of the actor, or of the seed in an evaluation.
        package var actor: Int
        /// Transitions.
        package var rows: UInt64
        /// Rows of the file's `rollouts`.
        package var rollouts: UInt64

        /// Both counts are of the whole file, over all its incarnations.
        package init(actor: Int, rows: UInt64, rollouts: UInt64) {
            self.actor = actor
            self.rows = rows
            self.rollouts = rollouts
        }
    }

    package var lifetime: LifetimeIdentifier
    /// All of one lifetime, in any order.
    package var streams: [Stream]

    /// Streams of several lifetimes need a message each.
    package init(lifetime: LifetimeIdentifier, streams: [Stream]) {
        self.lifetime = lifetime
        self.streams = streams
    }
}

extension StreamsSealed: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__StreamsSealed>?) -> Void {
        distillery__streams_sealed__init
    }
    static var place: EnvelopePlace<Distillery__StreamsSealed> {
        .init(DISTILLERY__ENVELOPE__BODY_STREAMS_SEALED, \.streams_sealed)
    }

    func encode(into body: inout Distillery__StreamsSealed, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        (body.n_actor, body.actor) = arena.array(streams.map { UInt32($0.actor) })
        (body.n_rows, body.rows) = arena.array(streams.map(\.rows))
        (body.n_rollouts, body.rollouts) = arena.array(streams.map(\.rollouts))
    }

    /// Throws for lists of different lengths.
    init(decoding body: Distillery__StreamsSealed) throws {
        try Field.equal(body.n_actor, body.n_rows, "row counts")
        try Field.equal(body.n_actor, body.n_rollouts, "rollout counts")
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        streams = (0..<body.n_actor).map {
            Stream(actor: Int(body.actor[$0]), rows: body.rows[$0], rollouts: body.rollouts[$0])
        }
    }
}
