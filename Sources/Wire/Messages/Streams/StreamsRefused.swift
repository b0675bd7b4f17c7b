import CWire
package import Experience

/// Actor process or evaluator to coordinator, again until it is acknowledged: it cannot carry these streams any more, and
/// has given them up.
///
/// Where the recorder takes no more of them, the coordinator begins the lifetime again with higher incarnations; where
/// the environment failed, it leases these actors alone again, unless lockstep needs them all. At once the first time,
/// then after rests that double up to 30 s; the ninth time in a row ends the run.
package struct StreamsRefused: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Names the part together with `lifetime`.
    package var firstActor: Int
    /// The incarnation that the sender carried the streams as.
    package var incarnation: UInt64
    /// An incarnation has to be above this one for the recorder to take it.
    package var above: UInt64
    /// In the words of the recorder, the learner or the environment.
    package var reason: String
    package var cause: Cause
    /// The environment had brought rollouts for some seconds before it failed, as the actor process saw it: this failure
    /// is the first of a row.
    package var wasSteady: Bool

    /// Why streams are given up.
    package enum Cause: Sendable, Equatable {
        /// Recorder or learner take no more of them from this process.
        case refusal
        /// What was lived again came out otherwise than the file has it.
        case divergence
        /// The environment could not go on.
        case environment
    }

    package init(
        lifetime: LifetimeIdentifier, firstActor: Int, incarnation: UInt64, above: UInt64, reason: String,
        cause: Cause = .refusal, wasSteady: Bool = false
    ) {
        self.lifetime = lifetime
        self.firstActor = firstActor
        self.incarnation = incarnation
        self.above = above
        self.reason = reason
        self.cause = cause
        self.wasSteady = wasSteady
    }
}

extension StreamsRefused: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__StreamsRefused>?) -> Void {
        distillery__streams_refused__init
    }
    static var place: EnvelopePlace<Distillery__StreamsRefused> {
        .init(DISTILLERY__ENVELOPE__BODY_STREAMS_REFUSED, \.streams_refused)
    }

    func encode(into body: inout Distillery__StreamsRefused, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.first_actor = UInt32(firstActor)
        body.incarnation = incarnation
        body.above = above
        body.reason = arena.string(reason)
        body.diverged = arena.flag(cause == .divergence)
        body.environment_failed = arena.flag(cause == .environment)
        body.made_rollouts = arena.flag(wasSteady)
    }

    /// Throws for a lifetime that is missing; the reason is cut off where it is long.
    init(decoding body: Distillery__StreamsRefused) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        firstActor = Int(body.first_actor)
        incarnation = body.incarnation
        above = body.above
        reason = Field.beginning(of: body.reason)
        cause = body.diverged != 0 ? .divergence : body.environment_failed != 0 ? .environment : .refusal
        wasSteady = body.made_rollouts != 0
    }
}
