package import Environments
import Files
package import Foundation
package import Wire

/// The last state of each lifetime's learner: written by the coordinator alone, piece by piece, and always whole.
package final class LearnerCheckpointStore {
    /// What learners ask for to go on from.
    package static let file = "learner.state"
    /// A state larger than this is refused: more than any replay buffer that a disk should be asked to take.
    package static let sizeLimitBytes: UInt64 = 1 << 40

    private let folder: URL
    /// States of which more pieces are to come.
    private var incoming: [LifetimeIdentifier: IncomingState] = [:]
    /// What was stored last of each lifetime, so that a last piece that comes again is known.
    private var stored: [LifetimeIdentifier: StateName] = [:]

    /// `folder`: `RUN/checkpoints/learner`.
    package init(folder: URL) { self.folder = folder }

    private func path(of lifetime: LifetimeIdentifier) -> String {
        folder.appendingPathComponent("task-\(padded(lifetime.task, 5))")
            .appendingPathComponent("lifetime-\(padded(lifetime.repetition, 3))").appendingPathComponent(Self.file).path
    }

    /// Takes a piece; true when it completed the state, which then takes the place of the lifetime's earlier one and is
    /// on the disk. Pieces come in order; one that was taken before is accepted again. Throws
    /// `ClusterError`, and leaves the earlier state, where the state is damaged or cannot be written: it is to be sent
    /// from its beginning.
    @discardableResult
    package func write(_ piece: LearnerCheckpoint) throws -> Bool {
        let lifetime = piece.lifetime
        let name = StateName(attempt: piece.attempt, version: piece.version)
        if stored[lifetime] == name { return true }
        do {
            if incoming[lifetime]?.name != name { try begin(piece, name) }
            guard let state = incoming[lifetime] else { return false }
            try state.take(piece)
            guard state.isComplete else { return false }
            try state.publish()
        } catch {
            incoming[lifetime] = nil
            throw ClusterError("the learner's state of \(lifetime): \(error)")
        }
        incoming[lifetime] = nil
        stored[lifetime] = name
        return true
    }

    private func begin(_ piece: LearnerCheckpoint, _ name: StateName) throws {
        guard piece.offset == 0 else { throw ClusterError("a piece at \(piece.offset), expected its beginning") }
        guard piece.size <= Self.sizeLimitBytes else {
            throw ClusterError("it has \(piece.size) bytes; at most \(Self.sizeLimitBytes) are stored")
        }
        // The one before takes its half-made file with it.
        incoming[piece.lifetime] = nil
        let path = path(of: piece.lifetime)
        try Folder.create(Folder.of(path))
        incoming[piece.lifetime] = try IncomingState(name, size: piece.size, path: path)
    }

    /// Bytes of the lifetime's last state; 0 where there is none.
    package func size(of lifetime: LifetimeIdentifier) -> UInt64 {
        var status = stat()
        return stat(path(of: lifetime), &status) == 0 ? UInt64(status.st_size) : 0
    }

    /// The name under which a learner asks for a lifetime's state.
    package static func name(of lifetime: LifetimeIdentifier) -> String {
        "task-\(lifetime.task)-lifetime-\(lifetime.repetition)"
    }

    /// A piece of a stored state; nil where there is none of that name.
    package func read(_ request: CheckpointRequest) throws -> CheckpointPiece? {
        let parts = request.checkpoint.split(separator: "-")
        guard parts.count == 4, let task = Int(parts[1]), let repetition = Int(parts[3]),
            let handle = FileHandle(
                forReadingAtPath: path(of: LifetimeIdentifier(task: task, repetition: repetition)))
        else { return nil }
        defer { try? handle.close() }
        let size = try handle.seekToEnd()
        guard request.offset <= size else { return nil }
        try handle.seek(toOffset: request.offset)
        let content = [UInt8](try handle.read(upToCount: WireProtocol.checkpointPieceBytes) ?? Data())
        return CheckpointPiece(
            checkpoint: request.checkpoint, file: request.file, offset: request.offset, size: size,
            checksum: content.withUnsafeBytes { CRC32C.of($0) }, content: content,
            last: request.offset + UInt64(content.count) >= size)
    }

    /// The lifetime has ended, or is lived from its beginning again. Throws `ClusterError` when it cannot be removed.
    package func remove(_ lifetime: LifetimeIdentifier) throws {
        incoming[lifetime] = nil
        stored[lifetime] = nil
        let path = path(of: lifetime)
        for path in [path, PendingFile.partial(of: path)] where unlink(path) != 0 && errno != ENOENT {
            let code = errno
            // A lifetime that never had a state has no folder either.
            guard code != ENOTDIR else { continue }
            throw ClusterError("cannot remove \(path): \(String(cString: strerror(code)))")
        }
    }
}

/// Which of a lifetime's states it is.
private struct StateName: Hashable {
    let attempt: UInt64
    let version: UInt64
}

/// A learner's state that comes piece by piece and goes to the disk as it comes.
private final class IncomingState {
    let name: StateName
    private let size: UInt64
    private var file: PendingFile?
    private var written: UInt64 = 0
    private var checksum = CRC32C()
    /// The last bytes, which are the checksum of all others.
    private var tail: [UInt8] = []
    private static let tailBytes: UInt64 = 4

    init(_ name: StateName, size: UInt64, path: String) throws(FileError) {
        self.name = name
        self.size = size
        file = try PendingFile(for: path)
    }

    var isComplete: Bool { written == size }

    func take(_ piece: LearnerCheckpoint) throws {
        let end = piece.offset + UInt64(piece.state.count)
        guard piece.size == size, piece.offset <= size, end <= size else {
            throw ClusterError("a piece from \(piece.offset) to \(end) of \(piece.size) bytes, expected \(size)")
        }
        // It came before, and the answer was lost.
        if end <= written { return }
        guard piece.offset == written else {
            throw ClusterError("a piece at \(piece.offset), expected \(written)")
        }
        try piece.state.withUnsafeBytes { try file?.append($0) }
        written = end
        let summed = size < Self.tailBytes ? 0 : size - Self.tailBytes
        let count = Int(min(end, max(summed, piece.offset)) - piece.offset)
        piece.state.withUnsafeBytes { checksum.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        tail += piece.state[count...]
    }

    /// Throws `ClusterError` where the checksum does not hold, and `FileError`.
    func publish() throws {
        let expected = tail.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard tail.count == Int(Self.tailBytes), checksum.value == expected else {
            throw ClusterError("its checksum does not hold")
        }
        if let file = file.take() { try file.publish() }
    }
}
