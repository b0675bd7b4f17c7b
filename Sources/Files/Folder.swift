import Glibc

/// Folders and the names in them, made durable.
///
/// A file's content and its name are two things to a disk: after `fsync` of a file its name may still be lost with the
/// power, until its folder is synced too. All calls block; none belongs on Swift's cooperative pool.
package enum Folder {
    /// The part before the last slash, `.` where there is none, `/` for what lies in the root. Looks at the text alone.
    package static func of(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a folder and those above it where they are missing; the name of each new one survives a loss of power. A
    /// folder that is there is no error. Throws `FileError` where a file or a link that leads nowhere has the name.
    ///
    /// `path` may end in slashes. An error leaves those folders above it that were made, whose names are durable.
    package static func create(_ path: String) throws(FileError) {
        let path = withoutTrailingSlashes(path)
        if try makeOne(path) { return try makeDurable(path) }
        if isFolder(path) { return }
        let above = of(path)
        guard above != path, above != "." else { throw .system("make the folder", path) }
        try create(above)
        if try makeOne(path) { return try makeDurable(path) }
        if !isFolder(path) { throw .system("make the folder", path, code: ENOENT) }
    }

    /// Makes a folder where it is missing, in one that is there; its name may be lost with the power until the folder
    /// above it is synced. False where it is there. Throws as `create` does.
    ///
    /// For callers that make many, and sync what is above them together.
    package static func make(_ path: String) throws(FileError) -> Bool {
        if try makeOne(path) { return true }
        if isFolder(path) { return false }
        throw .system("make the folder", path, code: ENOENT)
    }

    /// A new folder whose name may be lost is not left there: the next attempt would take it for durable.
    ///
    /// `path` is empty, for it was just made.
    private static func makeDurable(_ path: String) throws(FileError) {
        do throws(FileError) { try synchronize(of(path)) } catch {
            rmdir(path)
            throw error
        }
    }

    /// Whether it is new; false where it is there, or where the folder above it is missing.
    ///
    /// Throws for a file of that name, and for a folder above in which this process may not write.
    private static func makeOne(_ path: String) throws(FileError) -> Bool {
        if mkdir(path, 0o777) == 0 { return true }
        let code = errno
        switch code {
        case EEXIST where isFolder(path): return false
        case EEXIST: throw notAFolder(path)
        case ENOENT: return false
        // A read-only disk gives this error for folders that are there, too.
        case EROFS where isFolder(path), EACCES where isFolder(path): return false
        default: throw .system("make the folder", path, code: code)
        }
    }

    /// Tells a file from a link that leads nowhere.
    private static func notAFolder(_ path: String) -> FileError {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else {
            return FileError("cannot make the folder \(path): there is a file of that name", code: ENOTDIR)
        }
        return FileError("cannot make the folder \(path): it is a link that leads nowhere", code: ENOENT)
    }

    /// Whether there is a folder at `path`, or a link to one. False where the path cannot be looked at.
    ///
    /// Follows links.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes the names in the folder durable: new, renamed and removed ones. The content of the files is not.
    ///
    /// Throws where the folder cannot be opened for reading.
    package static func synchronize(_ path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .system("open the folder", path) }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw .system("sync the folder", path) }
    }

    /// Makes a file's content durable.
    ///
    /// By an fsync through a new descriptor: it covers what any process has written.
    package static func synchronizeFile(_ path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw .system("open", path) }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw .system("sync", path) }
    }

    /// Removes a name; a folder or a name that is missing is an error. The removal may be undone by a loss of power
    /// until the folder is synced.
    package static func removeFile(_ path: String) throws(FileError) {
        if unlink(path) != 0 { throw .system("remove", path) }
    }

    /// Gives a file or folder another name on the same disk; when this returns the new name survives a loss of power. A
    /// file that has the new name is replaced, at once and as a whole.
    ///
    /// Both folders are synced where they differ, the new name's first.
    package static func rename(_ from: String, to path: String) throws(FileError) {
        if Glibc.rename(from, path) != 0 { throw .system("rename \(from) to", path) }
        try synchronize(of(path))
        if of(from) != of(path) { try synchronize(of(from)) }
    }

    /// Gives a folder of files its final name once everything in it is on the disk: a folder of that name is whole,
    /// whatever dies. The name must be free, or that of an empty folder. `partial` may hold files, not folders of
    /// files: their content is not synced.
    ///
    /// A process that dies before the rename leaves `partial`, which the caller removes or begins anew.
    package static func publish(_ partial: String, as final: String) throws(FileError) {
        for name in try names(in: partial) { try synchronizeFile(partial + "/" + name) }
        try synchronize(partial)
        try rename(partial, to: final)
    }

    /// Names in the folder, sorted, folders and hidden files included, `.` and `..` left out.
    ///
    /// In the order of their bytes, so that the same folder always gives the same list.
    package static func names(in path: String) throws(FileError) -> [String] {
        guard let folder = opendir(path) else { throw .system("read the folder", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }
}
