import Distillation
import Experience
import Files
package import Foundation
import Nodes
package import Wire

/// The checkpoints of a run: written by the coordinator alone, piece by piece, and visible only when they are whole.
///
/// A checkpoint that is on its way lies in `.step-00020000.partial`; its last piece makes it durable and renames
/// it, in this order: files, folder, name. No state is kept in memory but the folder's path, so that a coordinator
/// that is started again goes on where the one before stood. Not for two threads at once.
package final class CheckpointStore {
    /// A file larger than this is refused. It bounds what a faulty distiller can make the disk hold; a model of Table 1
    /// is about 4.5 MB.
    package static let fileLimitBytes: UInt64 = 4 << 30

    /// Where the checkpoints lie; it may not exist before the first of them comes.
    package let folder: URL

    /// `folder`: `RUN/checkpoints/distiller`, or wherever checkpoints lie.
    package init(folder: URL) { self.folder = folder }

    /// The checkpoints of a distillation: in a folder of its name, or here where it has none.
    package func store(of distillation: String) -> CheckpointStore {
        distillation.isEmpty ? self : CheckpointStore(folder: folder.appendingPathComponent(distillation))
    }

    /// Writes a piece; true when it completed its checkpoint. Pieces of a file come in order; one that was written
    /// before is accepted again, and one that differs from what was written begins the file's rest anew (another
    /// distiller). Throws `ClusterError` for a piece out of order.
    ///
    /// The last piece of a file ends it, so that nothing stays of a longer one that another distiller left.
    package func write(_ piece: CheckpointPiece) throws -> Bool {
        let final = folder.appendingPathComponent(piece.checkpoint)
        if isCheckpoint(piece.checkpoint) { return false }
        let partial = partialFolder(of: piece.checkpoint)
        try Folder.create(partial.path)
        let file = partial.appendingPathComponent(piece.file)
        guard piece.size <= Self.fileLimitBytes else {
            throw ClusterError(
                "\(piece.checkpoint)/\(piece.file) of \(piece.size) bytes; at most \(Self.fileLimitBytes)")
        }
        if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
        let handle = try FileHandle(forUpdating: file)
        defer { try? handle.close() }
        let written = try handle.seekToEnd()
        guard piece.offset <= written else {
            throw ClusterError("\(piece.checkpoint)/\(piece.file): a piece at \(piece.offset), expected \(written)")
        }
        try handle.seek(toOffset: piece.offset)
        let content = Data(piece.content)
        if try handle.read(upToCount: content.count) ?? Data() != content {
            try handle.truncate(atOffset: piece.offset)
            try handle.write(contentsOf: content)
        }
        let end = piece.offset + UInt64(content.count)
        guard end == piece.size else { return false }
        try handle.truncate(atOffset: end)
        guard piece.last else { return false }
        if FileManager.default.fileExists(atPath: final.path) { _ = try setAside(piece.checkpoint) }
        try publish(partial, as: final)
        return true
    }

    /// Everything reaches the disk before the name does. Throws `ClusterError` where the configuration or the model has
    /// not come.
    private func publish(_ partial: URL, as final: URL) throws {
        for needed in [Checkpoint.configFile, Checkpoint.modelFile]
        where !FileManager.default.fileExists(atPath: partial.appendingPathComponent(needed).path) {
            throw ClusterError("\(final.lastPathComponent) ends without a \(needed): not a whole checkpoint")
        }
        try Folder.publish(partial.path, as: final.path)
    }

    /// Hidden, so that a checkpoint on its way is never listed, and beside its later place, so that renaming suffices.
    private func partialFolder(of name: String) -> URL { folder.appendingPathComponent(".\(name)\(Self.partialMark)") }

    /// Ends the names of checkpoints that are on their way.
    static let partialMark = ".partial"

    /// A piece of a stored file; nil when there is no such checkpoint or file. `CheckpointPiece.init(asked:of:)` says
    /// which bytes.
    package func read(_ request: CheckpointRequest) throws -> CheckpointPiece? {
        let file = folder.appendingPathComponent(request.checkpoint).appendingPathComponent(request.file)
        guard let handle = try? FileHandle(forReadingFrom: file) else { return nil }
        return try CheckpointPiece(asked: request, of: handle)
    }
}
