import Glibc
import Synchronization

/// The folder of this process with the sockets and logs of the environments that it starts. It is open to its owner alone, so
/// that no other user can connect to a socket; abstract sockets need no folder, and let every user of the host connect.
///
/// A process removes its folder when it exits. One that is killed cannot, and its environments are ended by the kernel with
/// it: its folder stays until a process of the same user makes one beside it, which removes all whose lock is free.
/// A folder is held by a BSD lock (`flock`) on itself, which the kernel releases however its holder ends. A number of a
/// process would not do: in another container it stands for another process.
package final class SocketFolder: Sendable {
    package let path: String
    /// Open as long as this value is there, which holds the lock.
    private let descriptor: Int32
    private let files = Atomic<UInt32>(0)

    private static let prefix = "distillery-environments-"
    /// A name that was made and is not there any more was taken for an abandoned one; the next time it may go better.
    private static let attempts = 8
    /// Of a folder in which many processes were killed the rest is left to the next one.
    private static let mostRemovedAtOnce = 1000

    /// Makes one in `parent`, after it has removed those there whose lock is free. Throws `ExternalEnvironmentError`.
    package init(in parent: String) throws(ExternalEnvironmentError) {
        Self.removeAbandoned(in: parent)
        for _ in 0..<Self.attempts {
            guard let made = try Self.make(in: parent) else { continue }
            (path, descriptor) = made
            return
        }
        throw ExternalEnvironmentError("cannot keep a folder in \(parent): something removes it")
    }

    deinit {
        Self.remove(path, descriptor)
        Glibc.close(descriptor)
    }

    /// A path that this process has not used before, for a socket and, with an end to it, for files beside it.
    func nextPath() -> String { "\(path)/\(files.wrappingAdd(1, ordering: .relaxed).newValue)" }

    /// Nil where another process has removed it before it was locked.
    private static func make(in parent: String) throws(ExternalEnvironmentError) -> (String, Int32)? {
        var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ExternalEnvironmentError("cannot make a folder in \(parent): \(String(cString: strerror(errno)))")
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        // A file system without locks has none for those who look for abandoned folders, either.
        let isAnothers = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
        var found = stat()
        guard !isAnothers, fstat(descriptor, &found) == 0, found.st_nlink > 0 else {
            close(descriptor)
            return nil
        }
        return (path, descriptor)
    }

    /// Removes the folders in `parent` whose processes have ended without doing so: those of this user that nobody holds.
    private static func removeAbandoned(in parent: String) {
        for name in names(in: parent).lazy.filter({ $0.hasPrefix(prefix) }).prefix(mostRemovedAtOnce) {
            let path = "\(parent)/\(name)"
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var found = stat()
            guard fstat(descriptor, &found) == 0, found.st_uid == geteuid(),
                flock(descriptor, LOCK_EX | LOCK_NB) == 0
            else { continue }
            remove(path, descriptor)
        }
    }

    /// With the files in it. There are no folders in it.
    private static func remove(_ path: String, _ descriptor: Int32) {
        for name in names(in: path) { unlinkat(descriptor, name, 0) }
        rmdir(path)
    }

    private static func names(in folder: String) -> [String] {
        guard let listing = opendir(folder) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

extension SocketFolder {
    private static let own = Mutex<SocketFolder?>(nil)

    /// That of this process, in TMPDIR or /tmp. Throws `ExternalEnvironmentError`.
    static func ofThisProcess() throws(ExternalEnvironmentError) -> SocketFolder {
        try own.withLock { (own) throws(ExternalEnvironmentError) in
            // Whatever empties /tmp may have removed it.
            if let own, access(own.path, W_OK) == 0 { return own }
            let made = try SocketFolder(in: parent)
            if own == nil { atexit { SocketFolder.removeOwn() } }
            own = made
            return made
        }
    }

    /// A socket's path has at most 107 bytes; a longer TMPDIR is not used.
    private static var parent: String {
        let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        return temporary.utf8.count <= longestParent ? temporary : "/tmp"
    }

    private static let longestParent = 64

    /// Children that are still there have their files open, and end with this process.
    private static func removeOwn() {
        own.withLock { if let folder = $0 { remove(folder.path, folder.descriptor) } }
    }
}
