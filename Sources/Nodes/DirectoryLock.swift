import Files
import Glibc

/// A lock that dies with its process, for what only one process may write.
///
/// It is a BSD lock (`flock`) on a file that stays where it is: what counts is the lock, not that the file exists.
/// The kernel releases it when the process ends, however that happens, so that no stale lock has ever to be removed
/// by hand; `deinit` releases it earlier. A run's folder, its coordinator's files, the recorder's histories and the
/// folder of `distillery distill` are held by such locks.
package final class DirectoryLock {
    private let descriptor: Int32

    /// `path`: of the lock's file, whose folder is made if it is missing; `holder`: what holds such a lock, for the
    /// message of the `ClusterError` that is thrown where another process has it.
    package init(path: String, holder: String) throws {
        let folder = Folder.of(path)
        try Folder.create(folder)
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ClusterError("cannot open \(path): \(String(cString: strerror(errno))) (errno \(errno))")
        }
        // A class whose properties all have their values is closed by its deinit when its initializer throws.
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
        throw Self.refusal(errno, holder: holder, folder: folder)
    }

    /// Why there is no lock: another process has it, or the file system can give none.
    package static func refusal(_ code: Int32, holder: String, folder: String) -> ClusterError {
        switch code {
        case EWOULDBLOCK: ClusterError("another \(holder) writes \(folder): stop it first")
        case ENOLCK, ENOSYS, EOPNOTSUPP, EINVAL:
            ClusterError(
                "the file system of \(folder) has no locks (\(String(cString: strerror(code)))), so that nothing could "
                    + "keep two runs apart there: choose a folder on a local disk by --out, or mount it with locks")
        default: ClusterError("cannot lock \(folder): \(String(cString: strerror(code)))")
        }
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }
}
