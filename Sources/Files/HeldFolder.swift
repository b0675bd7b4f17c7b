import FoundationEssentials
import Glibc

/// A folder for as long as its process lives, such as one of sockets: open to its owner alone, and gone with this value.
///
/// A process that is killed cannot remove its folder: it stays until a process of the same user makes one with the same
/// prefix beside it, which removes all whose lock is free. A folder is held by a BSD lock (`flock`) on a file in it, which the
/// kernel releases however its holder ends, and which reaches other hosts where a network's file system has locks. A number
/// of a process would not do: in another container it stands for another process.
package final class HeldFolder: Sendable {
    package let path: String
    /// In the folder, beside what is its owner's.
    package static let lockName = ".lock"
    /// Open as long as this value is there, which holds the lock.
    private let descriptor: Int32

    /// A name that was made and is not there any more was taken for an abandoned one; the next time it may go better.
    private static let attempts = 8
    /// Of a folder in which many processes were killed the rest is left to the next one.
    private static let mostRemovedAtOnce = 1000

    /// Where such folders lie unless something else is said: TMPDIR, or /tmp.
    package static var usualParent: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    /// Makes one in `parent`, whose name is `prefix` and six characters more, after it has removed those there with the same
    /// prefix whose lock is free. Throws `FileError`.
    package init(prefix: String, in parent: String = HeldFolder.usualParent) throws(FileError) {
        Self.removeAbandoned(prefix, in: parent)
        for _ in 0..<Self.attempts {
            guard let made = try Self.make(prefix, in: parent) else { continue }
            (path, descriptor) = made
            return
        }
        throw FileError("cannot keep a folder in \(parent): something removes it")
    }

    deinit {
        remove()
        Glibc.close(descriptor)
    }

    /// Before this value ends, as where a process exits and leaves its values as they are. Nothing is said of what cannot be
    /// removed: the next process tries again.
    package func remove() { Self.remove(path) }

    /// Nil where another process has removed it before it was locked.
    private static func make(_ prefix: String, in parent: String) throws(FileError) -> (String, Int32)? {
        var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .system("make a folder in", parent) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let descriptor = open("\(path)/\(lockName)", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw .system("make a lock in", path) }
            return nil
        }
        // A file system without locks has none for those who look for abandoned folders, either.
        let isAnothers = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
        var found = stat()
        guard !isAnothers, fstat(descriptor, &found) == 0, found.st_nlink > 0 else {
            close(descriptor)
            return nil
        }
        return (path, descriptor)
    }

    /// Those of this user. One without a lock is empty: its owner has just made it, and makes another, or was killed there.
    private static func removeAbandoned(_ prefix: String, in parent: String) {
        let names = (try? Folder.names(in: parent)) ?? []
        for name in names.lazy.filter({ $0.hasPrefix(prefix) }).prefix(mostRemovedAtOnce) {
            let path = "\(parent)/\(name)"
            var found = stat()
            guard lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFDIR, found.st_uid == geteuid() else {
                continue
            }
            let descriptor = open("\(path)/\(lockName)", O_RDWR | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else {
                if errno == ENOENT { rmdir(path) }
                continue
            }
            defer { close(descriptor) }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { remove(path) }
        }
    }

    private static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}
