import CWire
package import Experience

/// Coordinator to recorder, again until it is acknowledged: no carrier will come back for these streams.
/// `StreamsSealed` or `StreamQuarantined` tells what became of each.
///
/// A stream that was never flushed has no file, and nothing of it was acknowledged.
package struct SealStreams: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Recorded ones that no carrier has any more.
    package var actors: [Int]

    /// Asking again for a stream that is sealed makes the recorder say so again.
    package init(lifetime: LifetimeIdentifier, actors: [Int]) {
        self.lifetime = lifetime
        self.actors = actors
    }
}

extension SealStreams: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__SealStreams>?) -> Void { distillery__seal_streams__init }
    static var place: EnvelopePlace<Distillery__SealStreams> {
        .init(DISTILLERY__ENVELOPE__BODY_SEAL_STREAMS, \.seal_streams)
    }

    func encode(into body: inout Distillery__SealStreams, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        (body.n_actor, body.actor) = arena.array(actors.map { UInt32($0) })
    }

    /// Actors that the lifetime does not have are the recorder's to refuse.
    init(decoding body: Distillery__SealStreams) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        actors = Field.array(body.actor, body.n_actor).map { Int($0) }
    }
}
