import Environments
package import Experience
import Files
package import Foundation
import Nodes
internal import Synchronization
package import Wire

/// The last state of each lifetime's learner: written by the coordinator alone, piece by piece, and always whole.
///
/// Pieces go into a file as they come; what makes the whole file durable is left to `DiskWork`, since a sync lasts as
/// long as the disk likes.
///
/// A state's way: `write` for each piece gives `taken`; for the last, whose checksum shows that all is whole,
/// `underWay`; then `takeEnded` says once that it is on the disk. A last piece that comes again after that gives
/// `stored`. Files lie at `RUN/checkpoints/learner/task-00042/lifetime-000/`. Used by the coordinator's thread;
/// what another thread does is in `DiskWork`.
package final class LearnerCheckpointStore {
    /// A state larger than this is refused: more than any replay buffer that a disk should be asked to take.
    package static let sizeLimitBytes: UInt64 = 1 << 40

    /// What has become of a piece.
    package enum Writing: Sendable, Equatable {
        /// More are to come.
        case taken
        /// It was the last, and the state is on its way to the disk; `takeEnded` says when it has arrived.
        case underWay
        /// The state is on the disk.
        case stored
    }

    /// The end of a state's way to the disk.
    package struct Ended {
        package let lifetime: LifetimeIdentifier
        /// Why it is not there; nil where it is.
        package let problem: (any Error)?
    }

    /// A state that is whole and not yet on the disk.
    private struct Publication {
        let name: StateName
        let lifetime: LifetimeIdentifier
        /// It is of no use any more, and removed once it is there.
        var isObsolete = false
    }

    private let folder: URL
    private let disk: any DiskWork
    /// States that are whole and on their way to the disk, by the numbers of their work; at most one of each lifetime.
    private var publications: [UInt64: Publication] = [:]
    /// States that have not come whole.
    private var incoming: [LifetimeIdentifier: IncomingState] = [:]
    /// What was stored last of each lifetime, so that a last piece that comes again is known.
    private var stored: [LifetimeIdentifier: StateName] = [:]

    /// `folder`: `RUN/checkpoints/learner`. `disk`: of this store alone.
    package init(folder: URL, disk: any DiskWork = ImmediateDiskWork()) {
        self.folder = folder
        self.disk = disk
    }

    /// Where the lifetime's state lies, or would lie: one file, which the next state replaces.
    private func path(of lifetime: LifetimeIdentifier) -> String {
        folder.appendingPathComponent("task-\(padded(lifetime.task, 5))")
            .appendingPathComponent("lifetime-\(padded(lifetime.repetition, 3))")
            .appendingPathComponent(LearnerStateFile.file).path
    }

    /// Takes a piece. The last one completes the state, which then takes the place of the lifetime's earlier one.
    /// Pieces come in order; one that was taken before is accepted again. Throws `ClusterError`, and leaves the earlier
    /// state, where the state is damaged or cannot be written: it is to be sent from its beginning.
    @discardableResult
    package func write(_ piece: LearnerCheckpoint) throws -> Writing {
        let lifetime = piece.lifetime
        let name = StateName(attempt: piece.attempt, version: piece.version)
        if stored[lifetime] == name { return .stored }
        if let publication = publication(of: lifetime) {
            guard publication.name == name, !publication.isObsolete else {
                throw ClusterError("the learner's state of \(lifetime): an earlier one is still on its way to the disk")
            }
            return .underWay
        }
        do {
            if incoming[lifetime]?.name != name { try begin(piece, name) }
            guard let state = incoming[lifetime] else { return .taken }
            try state.take(piece)
            guard state.isComplete else { return .taken }
            try state.checkWhole()
            let number = disk.begin { [file = state.file] in try file.publish() }
            publications[number] = Publication(name: name, lifetime: lifetime)
        } catch {
            incoming[lifetime] = nil
            throw ClusterError("the learner's state of \(lifetime): \(error)")
        }
        incoming[lifetime] = nil
        return .underWay
    }

    /// The state of the lifetime that is on its way to the disk; nil where none is. There are as few as learners write
    /// at once, so a search is enough.
    private func publication(of lifetime: LifetimeIdentifier) -> Publication? {
        publications.values.first { $0.lifetime == lifetime }
    }

    /// Whether a state of the lifetime is on its way to the disk: what `size` and `read` say of it may change.
    package func isUnderWay(_ lifetime: LifetimeIdentifier) -> Bool { publication(of: lifetime) != nil }

    /// States that have arrived on the disk since the last call, or will not. A state that became obsolete meanwhile is
    /// removed here. Call it on each tick: until then its lifetime takes no newer state.
    package func takeEnded() -> [Ended] {
        disk.takeEnded().compactMap { end in
            guard let publication = publications.removeValue(forKey: end.number) else { return nil }
            let lifetime = publication.lifetime
            var problem = end.error
            if publication.isObsolete {
                do { try remove(lifetime) } catch { problem = error }
            } else if problem == nil {
                stored[lifetime] = publication.name
            }
            return Ended(lifetime: lifetime, problem: problem)
        }
    }

    /// Opens a new file for the first piece of a state. Throws `ClusterError` where the piece is not the first or the
    /// state too large, and `FileError` for what the disk refuses.
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

    /// A piece of a stored state; nil where there is none of that name. The request's name is that of
    /// `LearnerStateFile.name(of:)`, in which task and repetition are the second and the fourth of four words.
    package func read(_ request: CheckpointRequest) throws -> CheckpointPiece? {
        let parts = request.checkpoint.split(separator: "-")
        guard parts.count == 4, let task = Int(parts[1]), let repetition = Int(parts[3]),
            let handle = FileHandle(
                forReadingAtPath: path(of: LifetimeIdentifier(task: task, repetition: repetition)))
        else { return nil }
        return try CheckpointPiece(asked: request, of: handle)
    }

    /// The lifetime has ended, or is lived from its beginning again; a state that is on its way to the disk goes when
    /// it has arrived there. Throws `ClusterError` when it cannot be removed.
    package func remove(_ lifetime: LifetimeIdentifier) throws {
        incoming[lifetime] = nil
        stored[lifetime] = nil
        if let number = publications.first(where: { $0.value.lifetime == lifetime })?.key {
            publications[number]?.isObsolete = true
            return
        }
        let path = path(of: lifetime)
        for path in [path, PendingFile.partial(of: path)] where unlink(path) != 0 && errno != ENOENT {
            let code = errno
            // A lifetime that never had a state has no folder either.
            guard code != ENOTDIR else { continue }
            throw ClusterError("cannot remove \(path): \(String(cString: strerror(code)))")
        }
    }
}

/// Which of a lifetime's states it is: the attempt that made it and the learner's version then.
private struct StateName: Hashable {
    let attempt: UInt64
    let version: UInt64
}

/// A learner's state that comes piece by piece and goes to the disk as it comes. Owned by the store, on the
/// coordinator's thread. When it is given up its file, which has no name yet that counts, goes with it.
private final class IncomingState {
    let name: StateName
    private let size: UInt64
    let file: SharedPendingFile
    /// Bytes that are in the file: pieces come in order, so that is where the next one has to begin.
    private var written: UInt64 = 0
    /// CRC-32C of all bytes but the last four, computed as they come: the state is never read again to check it.
    private var checksum = CRC32C()
    /// The last bytes, which are the checksum of all others. They may be spread over two pieces, so they are gathered
    /// here.
    private var tail: [UInt8] = []
    private static let tailBytes: UInt64 = 4

    init(_ name: StateName, size: UInt64, path: String) throws(FileError) {
        self.name = name
        self.size = size
        file = SharedPendingFile(try PendingFile(for: path))
    }

    var isComplete: Bool { written == size }

    /// Throws `ClusterError` for a piece that does not follow, and `FileError` where the disk is full.
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
        try piece.state.withUnsafeBytes { try file.append($0) }
        written = end
        let summed = size < Self.tailBytes ? 0 : size - Self.tailBytes
        let count = Int(min(end, max(summed, piece.offset)) - piece.offset)
        piece.state.withUnsafeBytes { checksum.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        tail += piece.state[count...]
    }

    /// Throws `ClusterError` where the checksum does not hold.
    func checkWhole() throws {
        let expected = tail.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard tail.count == Int(Self.tailBytes), checksum.value == expected else {
            throw ClusterError("its checksum does not hold")
        }
    }
}

/// A file in the making that one thread fills and another publishes. The coordinator's thread appends; `DiskWork`
/// publishes, once, which takes the file away from the first.
private final class SharedPendingFile: Sendable {
    private let file: Mutex<PendingFile?>

    init(_ file: consuming sending PendingFile) { self.file = Mutex(consume file) }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try file.withLock { try $0?.append(bytes) }
    }

    func publish() throws {
        if let file = file.withLock({ $0.take() }) { try file.publish() }
    }
}
