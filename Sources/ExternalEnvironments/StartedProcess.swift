import Glibc
import Processes

/// A child with a folder of its own, in which its socket and its log are. Both end with this value.
///
/// The folder is open to its owner alone, so that no other user can connect to the socket.
final class StartedProcess {
    private let child: ChildProcess
    private let folder: String
    let endpoint: String

    /// Throws `ExternalEnvironmentError` where there is no folder to be made or the program cannot be started.
    init(_ command: [String]) throws(ExternalEnvironmentError) {
        guard let program = command.first else { throw ExternalEnvironmentError("there is no command to start") }
        let executable = try Self.executable(program)
        folder = try Self.makeFolder()
        endpoint = "ipc://\(folder)/socket"
        do {
            child = try ChildProcess(
                executable: executable, arguments: command.dropFirst() + ["--endpoint", endpoint],
                log: folder + "/log")
        } catch {
            Self.remove(folder)
            throw ExternalEnvironmentError("\(error)")
        }
    }

    deinit {
        child.kill()
        _ = child.wait(milliseconds: Self.endMilliseconds)
        Self.remove(folder)
    }

    /// A killed process ends at once unless the kernel holds it.
    private static let endMilliseconds = 1000

    var identifier: Int32 { child.identifier }
    /// How it ended; nil while it runs.
    var end: String? { child.exitStatus.map(\.description) }

    /// The end of its log in one line, in brackets; nothing where it is silent.
    var lastWords: String {
        let lines = child.lastLines(Self.linesOfLog).joined(separator: " | ")
        return lines.isEmpty ? "" : " (its log ends with: \(lines.suffix(Self.charactersOfLog)))"
    }

    private static let linesOfLog = 3
    private static let charactersOfLog = 600

    /// As a shell finds it: on PATH, unless there is a slash in it.
    private static func executable(_ name: String) throws(ExternalEnvironmentError) -> String {
        guard !name.contains("/") else { return name }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let candidates = path.split(separator: ":").map { "\($0)/\(name)" }
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw ExternalEnvironmentError("there is no program \(name) on PATH (\(path.prefix(200)))")
        }
        return found
    }

    /// A socket's path has at most 107 bytes; a longer TMPDIR is not used.
    private static func makeFolder() throws(ExternalEnvironmentError) -> String {
        let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let parent = temporary.utf8.count <= longestTemporaryFolder ? temporary : "/tmp"
        var template = Array("\(parent)/distillery-environment-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ExternalEnvironmentError("cannot make a folder in \(parent): errno \(errno)")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let longestTemporaryFolder = 64

    private static func remove(_ folder: String) {
        for name in ["socket", "log"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }
}
