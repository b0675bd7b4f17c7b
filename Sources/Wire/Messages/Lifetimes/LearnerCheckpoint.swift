import CWire
package import Experience

/// Learner to coordinator: everything that the lifetime's next update depends on, piece by piece; the next piece
/// follows the acknowledgement of the one before. In lockstep every rollout before it is on disk.
///
/// A learner that takes the lifetime over fetches the last whole one by `CheckpointRequest`.
package struct LearnerCheckpoint: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Of the sender's lease: a state of an earlier attempt is not stored.
    package var attempt: UInt64
    /// Updates so far.
    package var version: UInt64
    /// This piece of the state.
    package var state: [UInt8]
    /// Byte of the whole that the piece begins with.
    package var offset: UInt64
    /// Bytes of the whole state.
    package var size: UInt64

    /// Without `size` the piece is the whole.
    package init(
        lifetime: LifetimeIdentifier, attempt: UInt64, version: UInt64, state: [UInt8], offset: UInt64 = 0,
        size: UInt64? = nil
    ) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.version = version
        self.state = state
        self.offset = offset
        self.size = size ?? UInt64(state.count)
    }
}

extension LearnerCheckpoint: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__LearnerCheckpoint>?) -> Void {
        distillery__learner_checkpoint__init
    }
    static var place: EnvelopePlace<Distillery__LearnerCheckpoint> {
        .init(DISTILLERY__ENVELOPE__BODY_LEARNER_CHECKPOINT, \.learner_checkpoint)
    }

    func encode(into body: inout Distillery__LearnerCheckpoint, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.attempt = attempt
        body.version = version
        body.state = arena.bytes(state)
        body.offset = offset
        body.size = size
    }

    /// Whether pieces fit together is for the coordinator to find, which has those before. Throws for a version near
    /// the end of its type.
    init(decoding body: Distillery__LearnerCheckpoint) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        attempt = body.attempt
        version = try Field.count(body.version, "policy version")
        state = Field.bytes(body.state)
        offset = body.offset
        size = body.size
    }
}
