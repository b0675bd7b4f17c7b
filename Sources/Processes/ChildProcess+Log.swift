internal import Glibc

extension ChildProcess {
    /// Bytes of a log's end that are read at most.
    ///
    /// 64 KiB: some hundred lines.
    private static let maximumTailBytes = 64 << 10

    /// The last `count` lines of the file at `path`, without empty ones; nothing where it cannot be read. For an error
    /// message: fewer come where lines are long, and the first may then be cut at its beginning.
    ///
    /// Does not wait and does not lock: a process may be writing to the file meanwhile. Bytes that are not UTF-8 are
    /// repaired.
    package static func lastLines(of path: String, _ count: Int) -> [String] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        let size = lseek(file, 0, SEEK_END)
        let start = max(0, size - maximumTailBytes)
        var bytes = [UInt8](repeating: 0, count: max(0, size - start))
        let length = pread(file, &bytes, bytes.count, start)
        guard length > 0 else { return [] }
        let lines = bytes[..<length].split(separator: UInt8(ascii: "\n"))
        return lines.suffix(count).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The path of the program that runs now, to start another of its roles. Where the file was removed or replaced
    /// since, the path ends in " (deleted)" and leads nowhere. Throws `ProcessError` without /proc.
    ///
    /// The path is the executable's own, with links resolved.
    package static func ownExecutable() throws(ProcessError) -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &path, path.count)
        guard length > 0 else { throw ProcessError("find this program's own path", errorNumber: errno) }
        return String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
