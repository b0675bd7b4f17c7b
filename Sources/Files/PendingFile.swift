package import FoundationEssentials
import Glibc

/// A file in the making, `NAME.partial` beside its target: it takes the target's place whole, or not at all.
///
/// Until `publish` has renamed it the target is what it was, whatever dies; when `publish` returns, the new content and
/// its name survive a loss of power. A pending file that is dropped leaves nothing behind. Where its process is killed
/// the `.partial` stays, and the next writer of the same target begins it anew. One writer at a time for each target:
/// two would write into the same `.partial`.
package struct PendingFile: ~Copyable, Sendable {
    /// The path that the content will have.
    private let target: String
    /// Of the `.partial`; -1 once it is closed.
    private var descriptor: Int32
    /// Once the rename has been made there is nothing to remove.
    private var isPublished = false
    /// Bytes written so far.
    ///
    /// What a caller compares with a size that was announced.
    package private(set) var size = 0

    /// Creates the `.partial`, or empties one that is there. `path`: of the target, whose folder must exist.
    ///
    /// Its mode is 0666 less the process's mask. Throws `FileError`, as all calls here.
    package init(for path: String) throws(FileError) {
        target = path
        let partial = PendingFile.partial(of: path)
        descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        if descriptor < 0 { throw .system("create", partial) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if !isPublished { unlink(PendingFile.partial(of: target)) }
    }

    /// Where the bytes are until they are published.
    package static func partial(of path: String) -> String { path + ".partial" }

    /// Writes all of `bytes`, again after an interruption by a signal. After an error some of them may have been
    /// written; drop the file then.
    ///
    /// Blocks for as long as the disk takes; nothing is buffered in this process.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let result = write(descriptor, rest.baseAddress, rest.count)
            if result < 0 {
                if errno == EINTR { continue }
                throw .system("write", PendingFile.partial(of: target))
            }
            written += result
            size += result
        }
    }

    /// Content first, then the name, then the folder in which the name is.
    ///
    /// An error before the rename leaves the target as it was and removes the `.partial`. An error of the last step
    /// leaves the new file in its place, with a name that may not survive a loss of power.
    package consuming func publish() throws(FileError) {
        let partial = PendingFile.partial(of: target)
        if fsync(descriptor) != 0 { throw .system("sync", partial) }
        let closed = close(descriptor)
        descriptor = -1
        if closed != 0 { throw .system("close", partial) }
        if rename(partial, target) != 0 { throw .system("rename \(partial) to", target) }
        isPublished = true
        try Folder.synchronize(Folder.of(target))
    }
}

/// A whole file at once: a `PendingFile` for content that fits into memory.
package enum AtomicFile {
    /// The file at `path` is either the old one or the whole new one, whatever dies in between; what is written when
    /// this returns survives a loss of power. The folder must exist.
    ///
    /// For bytes that lie in memory that the caller owns. Blocks for two fsyncs.
    package static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(FileError) {
        var file = try PendingFile(for: path)
        try file.append(bytes)
        try file.publish()
    }

    /// The same for an array.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        try bytes.span.bytes.withUnsafeBytes { (bytes) throws(FileError) in try write(bytes, to: path) }
    }

    /// The same for Foundation's bytes.
    package static func write(_ data: Data, to path: String) throws(FileError) {
        try data.bytes.withUnsafeBytes { (bytes) throws(FileError) in try write(bytes, to: path) }
    }

    /// As UTF-8.
    ///
    /// The text's end gets no line break.
    package static func write(_ text: String, to path: String) throws(FileError) {
        try write(Array(text.utf8), to: path)
    }
}
