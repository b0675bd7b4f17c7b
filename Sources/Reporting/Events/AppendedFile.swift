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

    /// Opens the file at `path`, whose folder must exist, and makes it where it is missing. `keeping`: how much of what is
    /// there is kept; nil keeps nothing.
    init(path: String, time: Double, keeping: ((Data) -> Int)? = nil) throws {
        let manager = FileManager.default
        if keeping == nil || !manager.fileExists(atPath: path) {
            guard manager.createFile(atPath: path, contents: nil) else { throw FileError.system("create", path) }
        }
        handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        flushed = time
        if let keeping { try handle.truncate(atOffset: UInt64(keeping(try handle.readToEnd() ?? Data()))) }
        try handle.seekToEnd()
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
