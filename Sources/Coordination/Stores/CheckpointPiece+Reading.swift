import Experience
import Foundation
import Wire

extension CheckpointPiece {
    /// The piece that `request` asks for of the file behind `handle`, which is closed; nil where it begins behind the
    /// file's end. Throws what reading throws. A piece is at most `WireProtocol.checkpointPieceBytes` long and carries
    /// a CRC-32C of its own content. It is `last` at the end of its file.
    init?(asked request: CheckpointRequest, of handle: FileHandle) throws {
        defer { try? handle.close() }
        let size = try handle.seekToEnd()
        guard request.offset <= size else { return nil }
        try handle.seek(toOffset: request.offset)
        let content = [UInt8](try handle.read(upToCount: WireProtocol.checkpointPieceBytes) ?? Data())
        self.init(
            checkpoint: request.checkpoint, file: request.file, offset: request.offset, size: size,
            checksum: content.withUnsafeBytes { CRC32C.of($0) }, content: content,
            last: request.offset + UInt64(content.count) >= size)
    }
}
