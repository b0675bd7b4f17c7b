import Glibc

/// Makes the names in the folder of `path` durable.
func synchronizeFolder(of path: String) throws(StreamError) {
    let folder = folder(of: path)
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY)
    if descriptor < 0 { throw systemFailure(folder, "open the folder") }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw systemFailure(folder, "sync the folder") }
}

/// Makes a file's content durable.
func synchronizeFile(_ path: String) throws(StreamError) {
    let descriptor = open(path, O_RDONLY)
    if descriptor < 0 { throw systemFailure(path, "open the file") }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw systemFailure(path, "sync the file") }
}

/// Puts the file `from` in the place of `to` at once.
func replaceFile(_ from: String, _ to: String) throws(StreamError) {
    if rename(from, to) != 0 { throw systemFailure(to, "rename \(from)") }
}

/// The part before the last slash, `.` where there is none.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// Bytes of a file, nil where there is none.
func fileSize(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
}

/// Makes the folders in which `path` lies, where they are missing.
func makeFolders(of path: String) throws(StreamError) {
    let folder = folder(of: path)
    if mkdir(folder, 0o777) == 0 || errno == EEXIST { return }
    if errno == ENOENT, folder != "/", folder != "." {
        try makeFolders(of: folder)
        if mkdir(folder, 0o777) == 0 || errno == EEXIST { return }
    }
    throw systemFailure(folder, "make the folder")
}
