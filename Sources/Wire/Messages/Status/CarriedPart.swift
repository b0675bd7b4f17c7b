import CWire
package import Experience

/// How one part of a lifetime stands with the actor process that carries it, in its heartbeat.
package struct CarriedPart: Sendable, Equatable {
    /// The raw values are those of `PartPhase` in the .proto.
    package enum Phase: UInt32, Sendable, Equatable, CaseIterable {
        /// Waits for the learner's parameters.
        case joining
        /// Waits for the recorder to say where each stream stands.
        case opening
        /// Actors step, rollouts go out.
        case running
        /// All is sent; waits for the recorder to make it durable.
        case draining
    }

    package var lifetime: LifetimeIdentifier
    /// The actors of the lifetime that this process carries.
    package var actors: Range<Int>
    /// What the part waits for, or that it runs.
    package var phase: Phase
    /// Rollouts that the learner has not answered.
    package var unansweredRollouts: Int
    /// How many of them there may be before the part waits.
    package var unansweredLimit: Int
    /// Bytes of rollouts that the recorder has not called durable.
    package var unacknowledgedBytes: Int
    /// Updates of the learner whose parameters the actors act by.
    package var policyVersion: UInt64

    /// Counters are those of the moment in which the heartbeat is made.
    package init(
        lifetime: LifetimeIdentifier, actors: Range<Int>, phase: Phase, unansweredRollouts: Int, unansweredLimit: Int,
        unacknowledgedBytes: Int, policyVersion: UInt64
    ) {
        self.lifetime = lifetime
        self.actors = actors
        self.phase = phase
        self.unansweredRollouts = unansweredRollouts
        self.unansweredLimit = unansweredLimit
        self.unacknowledgedBytes = unacknowledgedBytes
        self.policyVersion = policyVersion
    }
}

extension CarriedPart: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__CarriedPart>?) -> Void { distillery__carried_part__init }

    func encode(into body: inout Distillery__CarriedPart, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.first_actor = UInt32(actors.lowerBound)
        body.actors = UInt32(actors.count)
        body.phase = Distillery__PartPhase(phase.rawValue)
        body.unanswered_rollouts = UInt32(clamping: unansweredRollouts)
        body.unanswered_limit = UInt32(clamping: unansweredLimit)
        body.unacknowledged_bytes = UInt64(clamping: unacknowledgedBytes)
        body.policy_version = policyVersion
    }

    /// Throws for a phase that this version does not know and for counters near the end of their types.
    init(decoding body: Distillery__CarriedPart) throws {
        guard let phase = Phase(rawValue: body.phase.rawValue) else {
            throw WireError("a part's phase of \(body.phase.rawValue)")
        }
        self.phase = phase
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        actors = try Field.actors(body.first_actor, body.actors)
        unansweredRollouts = Int(body.unanswered_rollouts)
        unansweredLimit = Int(body.unanswered_limit)
        unacknowledgedBytes = Int(try Field.count(body.unacknowledged_bytes, "number of unacknowledged bytes"))
        policyVersion = try Field.count(body.policy_version, "policy version")
    }
}
