package import Foundation

/// A file that is either the old one or the whole new one, whatever dies in between.
package enum AtomicFile {
    /// Writes beside the target, syncs, renames over it and syncs the folder. Throws `FileError` with errno's words.
    package static func write(_ data: Data, to url: URL) throws {
        let target = url.path
        let partial = target + ".partial"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.system("cannot create", partial) }
        do {
            try writeAll(data, to: descriptor, partial)
            guard fsync(descriptor) == 0 else { throw FileError.system("cannot sync", partial) }
        } catch {
            close(descriptor)
            unlink(partial)
            throw error
        }
        guard close(descriptor) == 0 else { throw FileError.system("cannot close", partial) }
        guard rename(partial, target) == 0 else { throw FileError.system("cannot rename to", target) }
        try syncFolder(url.deletingLastPathComponent().path)
    }

    private static func writeAll(_ data: Data, to descriptor: Int32, _ path: String) throws {
        try data.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
                let result = Foundation.write(descriptor, rest.baseAddress, rest.count)
                if result < 0 {
                    if errno == EINTR { continue }
                    throw FileError.system("cannot write", path)
                }
                written += result
            }
        }
    }

    private static func syncFolder(_ path: String) throws {
        let descriptor = open(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError.system("cannot open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError.system("cannot sync", path) }
    }
}

/// What is wrong with a file, in a sentence for its owner.
package struct FileError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) { self.description = description }

    static func system(_ action: String, _ path: String) -> FileError {
        FileError("\(action) \(path): \(String(cString: strerror(errno)))")
    }
}
