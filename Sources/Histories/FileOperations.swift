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

/// Which file a name leads to, and how long it is.
struct FilePlace: Equatable {
    let device: UInt
    let inode: UInt
    let size: Int

    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int(status.st_size)
    }

    func isSameFile(as other: FilePlace) -> Bool { device == other.device && inode == other.inode }
}

/// Copies all bytes of an open file, which may have lost its name, to a new file.
func copyFile(_ descriptor: Int32, to path: String) throws(StreamError) {
    let target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if target < 0 { throw systemFailure(path, "create the file") }
    defer { close(target) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while true {
        let count = pread(descriptor, &buffer, buffer.count, off_t(offset))
        if count < 0 { throw systemFailure(path, "read the file that it is a copy of") }
        if count == 0 { return }
        var written = 0
        while written < count {
            let result = buffer.withUnsafeBytes {
                pwrite(target, $0.baseAddress.map { $0 + written }, count - written, off_t(offset + written))
            }
            if result < 0 { throw systemFailure(path, "write a copy") }
            written += result
        }
        offset += count
    }
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
