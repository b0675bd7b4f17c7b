import Foundation
import Glibc

/// A lock on a run's streams that dies with its process: two recorders never write the same files.
final class DirectoryLock {
    private let descriptor: Int32

    init(folder: String) throws {
        let histories = folder + "/histories"
        try FileManager.default.createDirectory(atPath: histories, withIntermediateDirectories: true)
        let path = histories + "/.recorder.lock"
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ClusterError("cannot open \(path): \(String(cString: strerror(errno))) (errno \(errno))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(descriptor)
            throw ClusterError("another recorder writes \(histories): stop it first")
        }
    }

    deinit { Glibc.close(descriptor) }
}
