import CWire
package import Experience

/// Coordinator to learner, again until it is acknowledged: learn this lifetime.
///
/// The learner is then joined by the actor processes that carry the lifetime's actors.
package struct LearnLifetime: Sendable, Equatable {
    /// Which task and which repetition of it; a learner may have several at a time.
    package var lifetime: LifetimeIdentifier
    /// How often this lifetime was begun; what belongs to an earlier attempt is ignored.
    package var attempt: UInt64
    /// With which the lifetime begins; an elastic one may be joined by more.
    package var actors: Int
    /// Size of the state that the lifetime's last checkpoint left, which the learner asks for in pieces
    /// (`CheckpointRequest`); 0 to begin from scratch.
    package var stateBytes: UInt64

    /// `stateBytes` 0 makes the learner begin with fresh parameters.
    package init(lifetime: LifetimeIdentifier, attempt: UInt64, actors: Int, stateBytes: UInt64 = 0) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.actors = actors
        self.stateBytes = stateBytes
    }
}

extension LearnLifetime: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__LearnLifetime>?) -> Void {
        distillery__learn_lifetime__init
    }
    static var place: EnvelopePlace<Distillery__LearnLifetime> {
        .init(DISTILLERY__ENVELOPE__BODY_LEARN_LIFETIME, \.learn_lifetime)
    }

    func encode(into body: inout Distillery__LearnLifetime, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.attempt = attempt
        body.actors = UInt32(actors)
        body.state_bytes = stateBytes
    }

    /// Throws for more actors than `WireProtocol.actorLimit`.
    init(decoding body: Distillery__LearnLifetime) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        attempt = body.attempt
        actors = try Field.actors(0, body.actors).count
        stateBytes = body.state_bytes
    }
}
