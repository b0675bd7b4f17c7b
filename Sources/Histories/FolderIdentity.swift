package import Files
import Glibc

/// What a folder of streams is known by, whoever records into it: a random name in a small file beside the recorder's
/// lock. It is made once and moves with the folder.
package enum FolderIdentity {
    private static let file = "histories/.recorder.id"
    private static let randomBytes = 16
    /// Longer ones are none of ours.
    private static let longest = 64

    /// Nil where the folder has none, or cannot be read here.
    package static func read(_ folder: String) -> String? {
        let descriptor = open("\(folder)/\(file)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: longest)
        let count = Glibc.read(descriptor, &bytes, longest)
        guard count > 1, bytes[count - 1] == UInt8(ascii: "\n") else { return nil }
        return String(decoding: bytes[..<(count - 1)], as: UTF8.self)
    }

    /// The folder's identity, which it gets where it has none. Of several processes that do it at once the first makes
    /// it. Throws where the folder cannot be written.
    package static func make(_ folder: String) throws(FileError) -> String {
        if let known = read(folder) { return known }
        let identity = (0..<randomBytes).map { _ in UInt8.random(in: 0...255) }.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
        let path = "\(folder)/\(file)"
        try Folder.create(Folder.of(path))
        // It gets its name when it is whole, and only where there is none.
        let partial = "\(path).\(identity)"
        defer { unlink(partial) }
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system("write", partial) }
        defer { close(descriptor) }
        let bytes = Array((identity + "\n").utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw .system("write", partial)
        }
        guard Glibc.link(partial, path) == 0 || errno == EEXIST else { throw .system("write", path) }
        try Folder.synchronize(Folder.of(path))
        guard let made = read(folder) else { throw .system("read", path, code: EINVAL) }
        return made
    }
}
