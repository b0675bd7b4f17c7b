import Files
import Glibc

/// Makes the names in the folder of `path` durable.
///
/// A name that a rename or a creation has made is lost with the power until then.
func synchronizeFolder(of path: String) throws(StreamError) {
    try inWords(path, "sync the folder") { () throws(FileError) in try Folder.synchronize(Folder.of(path)) }
}

/// Makes a file's content durable.
///
/// By an fsync, through a descriptor of its own.
func synchronizeFile(_ path: String) throws(StreamError) {
    try inWords(path, "sync the file") { () throws(FileError) in try Folder.synchronizeFile(path) }
}

/// Puts the file `from` in the place of `to` at once.
///
/// Readers see the one or the other, never neither. The name is durable after `synchronizeFolder`.
func replaceFile(_ from: String, _ to: String) throws(StreamError) {
    if rename(from, to) != 0 { throw systemFailure(to, "rename \(from)") }
}

/// The calls by which a stream's file is made and becomes durable, in this order; a test sees each of them, and lets it
/// fail.
package struct FileCalls: Sendable {
    /// Makes a file with these bytes, over whatever was there.
    package var writeFile: @Sendable (_ path: String, _ bytes: [UInt8]) throws(StreamError) -> Void
    /// Makes a file's content durable.
    package var synchronizeFile: @Sendable (_ path: String) throws(StreamError) -> Void
    /// Puts a file in the place of another.
    package var replaceFile: @Sendable (_ from: String, _ to: String) throws(StreamError) -> Void
    /// Makes the names in the folder of a file durable.
    package var synchronizeFolder: @Sendable (_ path: String) throws(StreamError) -> Void

    /// The calls of the operating system, which everything but a test uses.
    package static let system = FileCalls(
        writeFile: { (path, bytes) throws(StreamError) in try Histories.writeFile(path, bytes) },
        synchronizeFile: { (path) throws(StreamError) in try Histories.synchronizeFile(path) },
        replaceFile: { (from, to) throws(StreamError) in try Histories.replaceFile(from, to) },
        synchronizeFolder: { (path) throws(StreamError) in try Histories.synchronizeFolder(of: path) })
}

/// An error of the file system in this module's words.
///
/// `operation` is in the infinitive, as an error's sentence needs it.
func inWords(
    _ path: String, _ operation: String, _ body: () throws(FileError) -> Void
) throws(StreamError) {
    do throws(FileError) { try body() } catch {
        if error.isLackOfRoom { throw .diskFull(path: path, operation: operation) }
        throw .inputOutput(path: path, operation: operation, message: error.description, code: error.code)
    }
}

/// Which file a name leads to, and how long it is.
///
/// Device and inode tell whether a name still leads to the file that is open, the size whether the file was cut.
struct FilePlace: Equatable {
    /// Of the file system that it lies on.
    let device: UInt
    /// Its number there, which a new file may get after the old one is gone.
    let inode: UInt
    /// In bytes.
    let size: Int

    /// Nil where the name leads to nothing, or cannot be looked at.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Of an open file, which may have lost its name.
    init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int(status.st_size)
    }

    /// Names and sizes may differ: a file that grew is still the same.
    func isSameFile(as other: FilePlace) -> Bool { device == other.device && inode == other.inode }
}

/// Makes a file with these bytes, over whatever was there. One that fails leaves a part of it.
///
/// Mode 0666 less the process's mask. Not synced.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(StreamError) {
    let target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if target < 0 { throw systemFailure(path, "create the file") }
    do throws(StreamError) {
        try bytes.withUnsafeBufferPointer { (bytes) throws(StreamError) in
            try writeAll(UnsafeRawBufferPointer(bytes), to: target, path)
        }
    } catch {
        close(target)
        throw error
    }
    // Some file systems report only here that they could not write everything.
    if close(target) != 0 { throw systemFailure(path, "close the file") }
}

/// Goes on after an interruption and after a part that was written.
private func writeAll(_ bytes: UnsafeRawBufferPointer, to target: Int32, _ path: String) throws(StreamError) {
    var written = 0
    while written < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
        let result = write(target, rest.baseAddress, rest.count)
        if result < 0 {
            if errno == EINTR { continue }
            throw systemFailure(path, "write the file")
        }
        written += result
    }
}

/// Copies all bytes of an open file, which may have lost its name, to a new file.
///
/// In pieces of 1 MiB, so that a long file costs no memory. Not synced.
func copyFile(_ descriptor: Int32, to path: String) throws(StreamError) {
    let target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if target < 0 { throw systemFailure(path, "create the file") }
    defer { close(target) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while true {
        let count = pread(descriptor, &buffer, buffer.count, off_t(offset))
        if count < 0 { throw systemFailure(path, "read the file that it is a copy of") }
        if count == 0 { return }
        try buffer.withUnsafeBufferPointer { (bytes) throws(StreamError) in
            try writeAll(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[..<count])), to: target, path)
        }
        offset += count
    }
}

/// Bytes of a file, nil where there is none.
///
/// Following links.
func fileSize(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
}
