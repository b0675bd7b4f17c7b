import CWire
import Experience

/// A part of a checkpoint's file on its way. Distiller to coordinator: to be stored; the next piece follows the
/// acknowledgement. Coordinator to evaluator or learner: the answer to a `CheckpointRequest`.
///
/// Decoding checks that the content matches its checksum and lies inside the file's size.
package struct CheckpointPiece: Sendable, Equatable {
    /// `step-00020000`, or `ed/step-00020000` where there are several distillations.
    package var checkpoint: String
    /// `model.safetensors`
    package var file: String
    /// Byte of the file that the content begins with.
    package var offset: UInt64
    /// Bytes of the whole file.
    package var size: UInt64
    /// CRC-32C of the content of this piece.
    package var checksum: UInt32
    /// At most `WireProtocol.checkpointPieceBytes` are sent at a time.
    package var content: [UInt8]
    /// It is the last piece of the checkpoint's last file: the checkpoint is whole with it.
    package var last: Bool

    /// `checksum` is the caller's to compute, over `content` alone.
    package init(
        checkpoint: String, file: String, offset: UInt64, size: UInt64, checksum: UInt32, content: [UInt8], last: Bool
    ) {
        self.checkpoint = checkpoint
        self.file = file
        self.offset = offset
        self.size = size
        self.checksum = checksum
        self.content = content
        self.last = last
    }
}

extension CheckpointPiece: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__CheckpointPiece>?) -> Void {
        distillery__checkpoint_piece__init
    }
    static var place: EnvelopePlace<Distillery__CheckpointPiece> {
        .init(DISTILLERY__ENVELOPE__BODY_CHECKPOINT_PIECE, \.checkpoint_piece)
    }

    func encode(into body: inout Distillery__CheckpointPiece, _ arena: EncodingArena) {
        body.checkpoint = arena.string(checkpoint)
        body.file = arena.string(file)
        body.offset = offset
        body.size = size
        body.checksum = checksum
        body.content = arena.bytes(content)
        body.last = arena.flag(last)
    }

    /// Throws for names that are no file names, for a checksum that does not hold, and for content beyond the file's
    /// size.
    init(decoding body: Distillery__CheckpointPiece) throws {
        checkpoint = try Field.checkpoint(body.checkpoint)
        file = try Field.name(body.file, "file")
        offset = body.offset
        size = body.size
        checksum = body.checksum
        content = Field.bytes(body.content)
        last = body.last != 0
        guard content.withUnsafeBytes({ CRC32C.of($0) }) == checksum else {
            throw WireError("a piece of a checkpoint whose checksum does not hold")
        }
        guard offset <= size, UInt64(content.count) <= size - offset else {
            throw WireError("a piece of a checkpoint that ends beyond its file's \(size) bytes")
        }
    }
}
