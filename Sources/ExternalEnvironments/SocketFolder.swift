import Files
import Glibc
import Synchronization

/// The folder of this process with the sockets and logs of the environments that it starts. It is open to its owner alone, so
/// that no other user can connect to a socket; abstract sockets need no folder, and let every user of the host connect. That
/// of a process that was killed, whose environments the kernel has ended with it, goes when another makes one.
final class SocketFolder: Sendable {
    private let folder: HeldFolder
    private let files = Atomic<UInt32>(0)

    private static let own = Mutex<SocketFolder?>(nil)
    /// A socket's path has at most 107 bytes; a longer TMPDIR is not used.
    private static let longestParent = 64

    private init() throws(ExternalEnvironmentError) {
        let usual = HeldFolder.usualParent
        do {
            folder = try HeldFolder(
                prefix: "distillery-sockets-", in: usual.utf8.count <= Self.longestParent ? usual : "/tmp")
        } catch {
            throw ExternalEnvironmentError(error.description)
        }
    }

    /// That of this process, in TMPDIR or /tmp. Throws `ExternalEnvironmentError`.
    static func ofThisProcess() throws(ExternalEnvironmentError) -> SocketFolder {
        try own.withLock { (own) throws(ExternalEnvironmentError) in
            // Whatever empties /tmp may have removed it.
            if let own, access(own.folder.path, W_OK) == 0 { return own }
            let made = try SocketFolder()
            if own == nil { atexit { SocketFolder.removeOwn() } }
            own = made
            return made
        }
    }

    /// A path that this process has not used before, for a socket and, with an end to it, for files beside it.
    func nextPath() -> String { "\(folder.path)/\(files.wrappingAdd(1, ordering: .relaxed).newValue)" }

    /// Children that are still there have their files open, and end with this process.
    private static func removeOwn() { own.withLock { $0?.folder.remove() } }
}
