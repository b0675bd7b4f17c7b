import CWire
package import Experience

/// Actor process to coordinator, again until it is acknowledged: all streams of the part have ended, and are durable.
///
/// The coordinator may then give the process other actors.
package struct CarryingFinished: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Names the part together with `lifetime`.
    package var firstActor: Int
    /// That of the `CarryActors` by which the part was leased; a report of an earlier lease is answered with a failure.
    package var incarnation: UInt64

    /// Nothing is checked: the fields are copied from the lease.
    package init(lifetime: LifetimeIdentifier, firstActor: Int, incarnation: UInt64) {
        self.lifetime = lifetime
        self.firstActor = firstActor
        self.incarnation = incarnation
    }
}

extension CarryingFinished: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__CarryingFinished>?) -> Void {
        distillery__carrying_finished__init
    }
    static var place: EnvelopePlace<Distillery__CarryingFinished> {
        .init(DISTILLERY__ENVELOPE__BODY_CARRYING_FINISHED, \.carrying_finished)
    }

    func encode(into body: inout Distillery__CarryingFinished, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.first_actor = UInt32(firstActor)
        body.incarnation = incarnation
    }

    /// Throws for a lifetime that is missing or has no possible name.
    init(decoding body: Distillery__CarryingFinished) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        firstActor = Int(body.first_actor)
        incarnation = body.incarnation
    }
}
