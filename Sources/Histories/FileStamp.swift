import Glibc

/// What tells from outside whether a file or a folder has changed: which one it is, how long, and when it was written.
///
/// Clocks of file systems tick slowly: what was written right before it was looked at may be written again under the
/// same stamp, so only a settled one proves anything.
package struct FileStamp: Hashable, Sendable {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    /// Nanoseconds since 1970, by the clock of the file system.
    private let modified: Int64
    /// It was written so long before it was looked at that another change would have given it another stamp.
    package let isSettled: Bool

    /// Far above the tick of any file system, in nanoseconds.
    private static let settlingNanoseconds: Int64 = 2_000_000_000

    /// Nil where the name leads to nothing, or cannot be looked at. Follows links.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int(status.st_size)
        modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        isSettled = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) - modified > Self.settlingNanoseconds
    }

    /// Whether what was read under the stamp `earlier` is still all that there is.
    package func provesUnchanged(since earlier: FileStamp) -> Bool {
        earlier.isSettled && device == earlier.device && inode == earlier.inode && size == earlier.size
            && modified == earlier.modified
    }
}
