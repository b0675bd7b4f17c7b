internal import Glibc

/// Files that hold keys: made once, never overwritten, and read only where no other user can read or change them.
enum PrivateFile {
    /// A key file is a few lines.
    ///
    /// At most one byte more is read of a file, so that a wrong path costs no memory.
    static let maximumBytes = 4096

    /// Makes the file at `path`; one that exists is an error. `mode` is 0600 for what is secret.
    ///
    /// Synced before it returns. A file that could not be written whole is removed.
    static func create(_ path: String, _ text: String, mode: mode_t) throws(TransportError) {
        let attempt = "write \(path)"
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else {
            guard errno == EEXIST else { throw .kernel(attempt) }
            throw TransportError(
                .key, attempt: attempt, reason: "it exists, and keys are never overwritten",
                remedy: "choose another name or folder, or move the old file away", errorNumber: EEXIST)
        }
        defer { close(file) }
        var remaining = Array(text.utf8)[...]
        while !remaining.isEmpty {
            let count = remaining.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = TransportError.kernel(attempt)
                unlink(path)
                throw error
            }
            remaining = remaining.dropFirst(count)
        }
        guard fsync(file) == 0 else { throw .kernel(attempt) }
    }

    /// Reads a small file. Throws `key` where another user than root could change a byte of it, or read it where
    /// `isSecret`.
    ///
    /// Root is trusted, because it can read everything anyway. The checks are on the open file, so that it cannot be
    /// exchanged between check and read.
    static func read(_ path: String, isSecret: Bool) throws(TransportError) -> String {
        let attempt = "read the key \(path)"
        // A pipe in the place of a file must not make us wait.
        let file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { throw .kernel(attempt, remedy: "distillery keys generate DIR makes keys") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .kernel(attempt) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TransportError(.key, attempt: attempt, reason: "it is not a file", remedy: nil)
        }
        let mode = status.st_mode & 0o7777
        let forbidden: mode_t = isSecret ? 0o077 : 0o022
        guard mode & forbidden == 0 else {
            throw TransportError(
                .key, attempt: attempt,
                reason:
                    "others can \(isSecret ? "read or change" : "change") it: its mode is 0\(String(mode, radix: 8))",
                remedy: "chmod \(isSecret ? "600" : "644") \(path)")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 || geteuid() == 0 else {
            throw TransportError(
                .key, attempt: attempt, reason: "it belongs to user \(status.st_uid), who can change it",
                remedy: "copy it to a file of your own")
        }
        var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count >= 0 else { throw .kernel(attempt) }
        guard count <= maximumBytes else {
            throw TransportError(
                .key, attempt: attempt, reason: "expected at most \(maximumBytes) bytes, it has more", remedy: nil)
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Makes a folder that is this user's alone, unless it is there.
    ///
    /// Mode 0700. Folders on the way are not made.
    static func createFolder(_ path: String) throws(TransportError) {
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        throw .kernel("make the folder \(path)")
    }

    /// Refuses a folder into which others can put files.
    ///
    /// Others who could add a file to `allowed` could let themselves in.
    static func checkFolder(_ path: String) throws(TransportError) {
        let attempt = "read the keys in \(path)"
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .kernel(attempt, remedy: "distillery keys generate DIR makes it")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw TransportError(
                .key, attempt: attempt, reason: "others can put files into it", remedy: "chmod go-w \(path)")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 || geteuid() == 0 else {
            throw TransportError(
                .key, attempt: attempt, reason: "it belongs to user \(status.st_uid), who can put files into it",
                remedy: "make a folder of your own")
        }
    }

    /// Names in a folder, sorted.
    ///
    /// `.` and `..` are among them; callers look for suffixes.
    static func names(in path: String) throws(TransportError) -> [String] {
        guard let folder = opendir(path) else { throw .kernel("read the folder \(path)") }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names.sorted()
    }
}

extension TransportError {
    /// The error that the kernel has just reported, about a file of keys.
    ///
    /// Must come right after the call that failed.
    fileprivate static func kernel(_ attempt: String, remedy: String? = nil) -> TransportError {
        let number = errno
        return TransportError(
            .key, attempt: attempt, reason: explanation(of: number), remedy: remedy, errorNumber: number)
    }
}

extension PrivateFile {
    /// Without following a link, so that a dangling one counts as there.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Following links.
    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
