import Environments
import Experience
import Foundation
import Settings

/// The text of an experiment's file, which may be a pipe or a terminal.
enum ExperimentFile {
    /// Bytes of a file at most; an experiment with every key is a few thousand bytes long. The bound keeps a device or
    /// an endless pipe from filling the memory.
    static let maximumBytes = 1 << 20
    /// Bytes of one `read`; their number is not known before the end, since a pipe has no size.
    private static let pieceBytes = 64 << 10

    /// All of the file as UTF-8 text. Throws `SettingsError` for what cannot be read, is too long or is not text.
    /// Blocks where the path is a pipe.
    static func text(at path: String) throws(SettingsError) -> String {
        let bytes = try bytes(at: path)
        guard let text = String(data: bytes, encoding: .utf8) else { throw refusal(path, "it is not UTF-8 text") }
        return text
    }

    /// Reads until the end of the file and goes on after an interrupted call (EINTR). The descriptor does not outlive
    /// the call.
    private static func bytes(at path: String) throws(SettingsError) -> Data {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw refusal(path, errno == ENOENT ? "there is no such file" : reason(errno))
        }
        defer { close(descriptor) }
        var bytes = Data()
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count == 0 { return bytes }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw refusal(path, errno == EISDIR ? "it is a folder" : reason(errno)) }
            bytes.append(contentsOf: piece[..<count])
            guard bytes.count <= maximumBytes else {
                throw refusal(path, "it is longer than \(maximumBytes) bytes, which no experiment is")
            }
        }
    }

    private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }

    /// The error for a file as a whole, which therefore names neither a line nor a key.
    private static func refusal(_ path: String, _ reason: String) -> SettingsError {
        SettingsError([
            Problem(
                origin: nil, key: "",
                message:
                    "cannot read the experiment \(path): \(reason); expected a YAML file (see docs/experiments.md)")
        ])
    }
}
