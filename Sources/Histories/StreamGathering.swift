import Files
import FoundationEssentials
import Glibc

/// Brings sealed streams of several folders together in one: those that several recorders have written, each on its own
/// disk, or those that lie on a local disk onto a shared one.
///
/// Each copy is verified before it takes its name, and is durable when it has it, so that whatever ends a gathering, what
/// is there is whole, and the next one goes on. Streams are never changed, and none is replaced. One gathering at a time for
/// each target.
package struct StreamGathering {
    /// What became of one stream.
    package enum Outcome: Hashable, Sendable {
        case copied(rows: Int, bytes: Int)
        /// The same bytes are there already.
        case present
        /// It is not sealed, or its lifetime is being begun anew: a recorder may be at work on it.
        case growing
        /// It is damaged, as `problem` says, and was not copied.
        case damaged(problem: String)
        /// Another stream has its place: two runs, or two lives of one.
        case different
    }

    /// The folder of what was brought together. It is made where it is missing.
    private let folder: String

    /// Bytes that are copied or compared at a time.
    private static let pieceBytes = 1 << 20

    package init(into folder: String) { self.folder = Self.withoutTrailingSlashes(folder) }

    /// Where the stream at `path` of `source` comes to lie: at the same place below this folder, so that a run's
    /// `histories` become this folder's.
    package func place(of path: String, in source: StreamFolder) -> String {
        let base = Self.withoutTrailingSlashes(source.path) + "/"
        return folder + "/" + (path.hasPrefix(base) ? String(path.dropFirst(base.count)) : path)
    }

    /// Copies one stream of `source`. Throws `StreamError` or `FileError` where a file cannot be read or written; nothing
    /// is left of its copy then.
    package func gather(_ path: String, of source: StreamFolder) throws -> Outcome {
        let target = place(of: path, in: source)
        if let mark = DiscardedStreams(of: Folder.of(path)), !mark.isComplete { return .growing }
        do throws(StreamError) {
            let reader = try StreamReader(path: path)
            defer { reader.close() }
            guard StreamSummary(reader).isSealed else { return .growing }
        } catch {
            guard case .damaged(_, let problem) = error else { throw error }
            return .damaged(problem: problem)
        }
        if FileStamp(path: target) != nil { return try Self.isSame(path, target) ? .present : .different }
        // A run has a link in the place of what its recorder keeps elsewhere.
        if RecorderLinks.unreachable(Folder.of(target)) != nil { try Folder.removeFile(Folder.of(target)) }
        try Folder.create(Folder.of(target))
        var copy = try PendingFile(for: target)
        try Self.read(path) { try copy.append($0) }
        let found = StreamVerification(path: PendingFile.partial(of: target))
        guard found.isSound, found.isSealed else { return .damaged(problem: Self.problem(of: path, copied: found)) }
        let bytes = copy.size
        try copy.publish()
        return .copied(rows: found.rows, bytes: bytes)
    }

    /// Copies the mark of a lifetime that was lived anew, whose folder this is.
    package func gatherMark(of lifetime: String, of source: StreamFolder) throws {
        let mark = lifetime + "/" + DiscardedStreams.markName
        let target = place(of: mark, in: source)
        try Folder.create(Folder.of(target))
        var copy = try PendingFile(for: target)
        try Self.read(mark) { try copy.append($0) }
        try copy.publish()
    }

    /// Whether the stream itself is damaged, or its copy alone.
    private static func problem(of path: String, copied: StreamVerification) -> String {
        let original = StreamVerification(path: path)
        let problem = original.problems.first ?? copied.problems.first ?? "it changed while it was copied"
        return original.isSound ? "its copy is damaged, and it is not: \(problem)" : problem
    }

    private static func isSame(_ first: String, _ second: String) throws -> Bool {
        let (a, b) = (try File(first), try File(second))
        var (mine, other) = ([UInt8](repeating: 0, count: pieceBytes), [UInt8](repeating: 0, count: pieceBytes))
        while true {
            let (read, expected) = (try a.read(into: &mine), try b.read(into: &other))
            guard read == expected, mine[..<read] == other[..<read] else { return false }
            if read == 0 { return true }
        }
    }

    private static func read(_ path: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let file = try File(path)
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        while case let count = try file.read(into: &piece), count > 0 {
            try piece.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }

    /// A file that is read from its beginning to its end.
    private final class File {
        private let path: String
        private let descriptor: Int32

        init(_ path: String) throws(FileError) {
            self.path = path
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 { throw .system("open", path) }
        }

        deinit { close(descriptor) }

        /// Fills `buffer` as far as the file goes; gives how many bytes came.
        func read(into buffer: inout [UInt8]) throws(FileError) -> Int {
            var count = 0
            while count < buffer.count {
                let room = buffer.count - count
                let result = buffer.withUnsafeMutableBytes {
                    Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, room)
                }
                if result < 0 {
                    if errno == EINTR { continue }
                    throw .system("read", path)
                }
                if result == 0 { break }
                count += result
            }
            return count
        }
    }
}
