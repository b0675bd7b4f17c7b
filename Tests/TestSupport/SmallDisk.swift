import Foundation
import Glibc

/// A file system of its own, in memory, that can be filled up; gone with this object.
package final class SmallDisk {
    package let path: String
    /// Whether one can be mounted here.
    package static let isPossible = SmallDisk(NSTemporaryDirectory() + "small-disk-\(getpid())", mebibytes: 1) != nil

    private var ballast: String { path + "/ballast" }

    /// `path`: a folder that is made. Nil where nothing may be mounted (it needs root).
    package init?(_ path: String, mebibytes: Int) {
        self.path = path
        guard (try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)) != nil,
            mount("tmpfs", path, "tmpfs", 0, "size=\(mebibytes)m") == 0
        else { return nil }
    }

    /// Whoever still has a file open there keeps it until it is closed.
    deinit {
        umount2(path, Int32(2))
        rmdir(path)
    }

    /// Writes until there is not a byte left. Throws `POSIXError` where that is not what stops it.
    package func fill() throws {
        let descriptor = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { close(descriptor) }
        for size in [1 << 20, 1 << 12] {
            let piece = [UInt8](repeating: 0x42, count: size)
            while write(descriptor, piece, size) > 0 {}
            guard errno == ENOSPC else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        }
    }

    package func makeRoom() { unlink(ballast) }
}
