import Files
import Foundation

/// A file at whose end numbers arrive one by one and are written many at a time. One thread at a time.
///
/// Where a full disk does not take what is pending, all of it is dropped and the file ends where it ended before, so that a
/// reader never meets half of anything: the catalogue has these numbers, too.
final class AppendedFile {
    /// Bytes that are kept before they are written.
    static let bufferBytes = 1 << 16
    /// What is pending is written when something arrives at least this many seconds after the last write.
    static let flushSeconds = 10.0

    private let handle: FileHandle
    private var pending = Data()
    /// When pending bytes were last handed on, in seconds since 1970.
    private var flushed: Double

    /// Opens the file at `path`, whose folder must exist, and makes it where it is missing. `keepsWholeLines`: what is
    /// there stays, but for a last line that was cut; otherwise the file is emptied.
    init(path: String, time: Double, keepsWholeLines: Bool = false) throws {
        let manager = FileManager.default
        if !keepsWholeLines || !manager.fileExists(atPath: path) {
            guard manager.createFile(atPath: path, contents: nil) else { throw FileError.system("create", path) }
        }
        handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        flushed = time
        try handle.truncate(atOffset: try Self.endOfLastLine(handle))
        try handle.seekToEnd()
    }

    /// Looks for it from the end on, a piece at a time: the file may be long.
    private static func endOfLastLine(_ handle: FileHandle) throws -> UInt64 {
        var end = try handle.seekToEnd()
        while end > 0 {
            let start = end - min(end, UInt64(bufferBytes))
            try handle.seek(toOffset: start)
            let piece = try handle.read(upToCount: Int(end - start)) ?? Data()
            if let position = piece.lastIndex(of: UInt8(ascii: "\n")) {
                return start + UInt64(position - piece.startIndex) + 1
            }
            end = start
        }
        return 0
    }

    /// Adds to what is pending; writes nothing.
    func add(_ bytes: some Sequence<UInt8>) { pending.append(contentsOf: bytes) }

    /// Writes where enough is pending, or has been for long enough; throws what `flush` throws.
    func flushWhereDue(time: Double) throws {
        guard pending.count >= Self.bufferBytes || time >= flushed + Self.flushSeconds else { return }
        flushed = time
        try flush()
    }

    /// Hands what is pending to the operating system.
    func flush() throws {
        guard !pending.isEmpty else { return }
        defer { pending.removeAll(keepingCapacity: true) }
        let end = try handle.offset()
        do { try handle.write(contentsOf: pending) } catch {
            try handle.truncate(atOffset: end)
            throw error
        }
    }

    /// Flushes first; throws where the disk did not take it. The file cannot be used afterwards.
    func close() throws {
        try flush()
        try handle.close()
    }
}
