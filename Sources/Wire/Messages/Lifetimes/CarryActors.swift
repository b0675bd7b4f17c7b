import CWire
package import Experience

/// Coordinator to actor process, again until it is acknowledged: carry these actors of a lifetime. The coordinator
/// sends it anew, with a later number in the envelope, where an endpoint, a ticket or `retireFrom` has changed.
///
/// The process joins the learner (`JoinLifetime`), opens the streams (`OpenStreams`) and then acts.
package struct CarryActors: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// The part of the lifetime's actors that is leased to this process.
    package var actors: Range<Int>
    /// The number by which the recorder tells this carrier from earlier ones; the coordinator gives each number out
    /// once only.
    package var incarnation: UInt64
    /// How often the lifetime was begun; learner and actors must agree on it.
    package var attempt: UInt64
    /// Empty where the lifetime has ended and its streams are only to be completed.
    ///
    /// With the server's key behind it where the cluster has keys (`ServerAddress` in `Transport`).
    package var learnerEndpoint: String
    /// As `learnerEndpoint`.
    package var recorderEndpoint: String
    /// Actors below this number are recorded.
    package var recordedActors: Int
    /// Actors from this number on end their streams with the episode that they are in: they leave an elastic lifetime.
    package var retireFrom: Int
    /// Shows the learner that the actors are leased to their carrier; empty where there is none.
    package var learnerTicket: [UInt8]
    /// Shows the recorder the same.
    package var recorderTicket: [UInt8]

    /// Without `retireFrom` no actor of the part leaves early.
    package init(
        lifetime: LifetimeIdentifier, actors: Range<Int>, incarnation: UInt64, attempt: UInt64,
        learnerEndpoint: String, recorderEndpoint: String, recordedActors: Int, retireFrom: Int? = nil,
        learnerTicket: [UInt8] = [], recorderTicket: [UInt8] = []
    ) {
        self.lifetime = lifetime
        self.actors = actors
        self.incarnation = incarnation
        self.attempt = attempt
        self.learnerEndpoint = learnerEndpoint
        self.recorderEndpoint = recorderEndpoint
        self.recordedActors = recordedActors
        self.retireFrom = retireFrom ?? actors.upperBound
        self.learnerTicket = learnerTicket
        self.recorderTicket = recorderTicket
    }
}

extension CarryActors: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__CarryActors>?) -> Void { distillery__carry_actors__init }
    static var place: EnvelopePlace<Distillery__CarryActors> {
        .init(DISTILLERY__ENVELOPE__BODY_CARRY_ACTORS, \.carry_actors)
    }

    func encode(into body: inout Distillery__CarryActors, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.first_actor = UInt32(actors.lowerBound)
        body.actors = UInt32(actors.count)
        body.incarnation = incarnation
        body.attempt = attempt
        body.learner_endpoint = arena.string(learnerEndpoint)
        body.recorder_endpoint = arena.string(recorderEndpoint)
        body.recorded_actors = UInt32(recordedActors)
        body.retire_from = UInt32(retireFrom)
        body.learner_ticket = arena.bytes(learnerTicket)
        body.recorder_ticket = arena.bytes(recorderTicket)
    }

    /// Throws where the actors lie beyond `WireProtocol.actorLimit`, an endpoint is too long or a ticket has another
    /// length than 0 or 32 bytes.
    init(decoding body: Distillery__CarryActors) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        actors = try Field.actors(body.first_actor, body.actors)
        incarnation = body.incarnation
        attempt = body.attempt
        learnerEndpoint = try Field.shortText(body.learner_endpoint, "endpoint")
        recorderEndpoint = try Field.shortText(body.recorder_endpoint, "endpoint")
        recordedActors = Int(body.recorded_actors)
        retireFrom = Int(body.retire_from)
        learnerTicket = try Field.ticket(body.learner_ticket)
        recorderTicket = try Field.ticket(body.recorder_ticket)
    }
}
