import CWire
package import Experience

/// Recorder to coordinator, again until it is acknowledged: this stream's file was damaged behind the recorder's back
/// and moved aside; all others go on.
///
/// The coordinator waits for the stream's seal no longer; its actor goes on acting and is learnt from.
package struct StreamQuarantined: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Number of the actor, or of the seed in an evaluation.
    package var actor: Int
    /// In words, for people.
    package var reason: String

    /// `reason` is also in the mark beside the file.
    package init(lifetime: LifetimeIdentifier, actor: Int, reason: String) {
        self.lifetime = lifetime
        self.actor = actor
        self.reason = reason
    }
}

extension StreamQuarantined: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__StreamQuarantined>?) -> Void {
        distillery__stream_quarantined__init
    }
    static var place: EnvelopePlace<Distillery__StreamQuarantined> {
        .init(DISTILLERY__ENVELOPE__BODY_STREAM_QUARANTINED, \.stream_quarantined)
    }

    func encode(into body: inout Distillery__StreamQuarantined, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.actor = UInt32(actor)
        body.reason = arena.string(reason)
    }

    /// Throws for a lifetime that is missing.
    init(decoding body: Distillery__StreamQuarantined) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        actor = Int(body.actor)
        reason = Field.beginning(of: body.reason)
    }
}
