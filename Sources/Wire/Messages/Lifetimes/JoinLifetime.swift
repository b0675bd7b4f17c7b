import CWire
package import Experience

/// Actor process to learner, before its first rollouts: asks for the policy that its actors begin with. Answered with a
/// `RolloutAnswer` of batch 0, or a failure that says why the actors may not join.
///
/// Asked again, ever less often, while no answer comes.
package struct JoinLifetime: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Has to be the learner's.
    package var attempt: UInt64
    /// The part that the sender carries.
    package var actors: Range<Int>
    /// Of the sender; learners compare it with the ticket.
    package var incarnation: UInt64
    /// As the `CarryActors` has it.
    package var ticket: [UInt8]

    /// `ticket` stays empty in a cluster without a ticket secret.
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

extension JoinLifetime: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__JoinLifetime>?) -> Void {
        distillery__join_lifetime__init
    }
    static var place: EnvelopePlace<Distillery__JoinLifetime> {
        .init(DISTILLERY__ENVELOPE__BODY_JOIN_LIFETIME, \.join_lifetime)
    }

    func encode(into body: inout Distillery__JoinLifetime, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.attempt = attempt
        body.first_actor = UInt32(actors.lowerBound)
        body.actors = UInt32(actors.count)
        body.incarnation = incarnation
        body.ticket = arena.bytes(ticket)
    }

    /// Throws where the actors lie beyond `WireProtocol.actorLimit`, or the ticket has another length than 0 or 32
    /// bytes.
    init(decoding body: Distillery__JoinLifetime) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        attempt = body.attempt
        actors = try Field.actors(body.first_actor, body.actors)
        incarnation = body.incarnation
        ticket = try Field.ticket(body.ticket)
    }
}
