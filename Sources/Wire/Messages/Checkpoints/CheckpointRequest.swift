import CWire

/// Evaluator or learner to coordinator: asks for the piece that begins at `offset`. Answered with a `CheckpointPiece`,
/// or a failure where there is no such checkpoint.
package struct CheckpointRequest: Sendable, Equatable {
    /// `step-00020000`, or what `LearnerStateFile.name` gives.
    package var checkpoint: String
    /// `model.safetensors`, or `LearnerStateFile.file`.
    package var file: String
    /// The byte to begin with.
    package var offset: UInt64

    /// A piece is as long as `WireProtocol.checkpointPieceBytes`, or as what is left of the file; the asker does not
    /// choose.
    package init(checkpoint: String, file: String, offset: UInt64) {
        self.checkpoint = checkpoint
        self.file = file
        self.offset = offset
    }
}

extension CheckpointRequest: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__CheckpointRequest>?) -> Void {
        distillery__checkpoint_request__init
    }
    static var place: EnvelopePlace<Distillery__CheckpointRequest> {
        .init(DISTILLERY__ENVELOPE__BODY_CHECKPOINT_REQUEST, \.checkpoint_request)
    }

    func encode(into body: inout Distillery__CheckpointRequest, _ arena: EncodingArena) {
        body.checkpoint = arena.string(checkpoint)
        body.file = arena.string(file)
        body.offset = offset
    }

    /// Throws for names that are no file names, so that no path can be asked for.
    init(decoding body: Distillery__CheckpointRequest) throws {
        checkpoint = try Field.checkpoint(body.checkpoint)
        file = try Field.name(body.file, "file")
        offset = body.offset
    }
}
