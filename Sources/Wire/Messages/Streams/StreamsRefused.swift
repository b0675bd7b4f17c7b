import CWire
package import Experience

/// Actor process or evaluator to coordinator, again until it is acknowledged: the recorder takes no more of these
/// streams from it, and it has given them up.
///
/// The coordinator begins the lifetime again with higher incarnations, at once the first time, then after rests that
/// double up to 30 s; the ninth refusal in a row ends the run.
package struct StreamsRefused: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Names the part together with `lifetime`.
    package var firstActor: Int
    /// The incarnation that the sender carried the streams as.
    package var incarnation: UInt64
    /// An incarnation has to be above this one for the recorder to take it.
    package var above: UInt64
    /// In the recorder's words.
    package var reason: String
    /// The sender lived the streams again, and its rollouts differ from those in the file.
    package var isDiverged: Bool

    /// `isDiverged` is false where only the incarnation was refused.
    package init(
        lifetime: LifetimeIdentifier, firstActor: Int, incarnation: UInt64, above: UInt64, reason: String,
        isDiverged: Bool = false
    ) {
        self.lifetime = lifetime
        self.firstActor = firstActor
        self.incarnation = incarnation
        self.above = above
        self.reason = reason
        self.isDiverged = isDiverged
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
        body.diverged = arena.flag(isDiverged)
    }

    /// Throws for a lifetime that is missing; the reason is cut off where it is long.
    init(decoding body: Distillery__StreamsRefused) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        firstActor = Int(body.first_actor)
        incarnation = body.incarnation
        above = body.above
        reason = Field.beginning(of: body.reason)
        isDiverged = body.diverged != 0
    }
}
