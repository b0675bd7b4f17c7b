import Glibc
import Processes

/// A child with a socket and a log in this process's `SocketFolder`. All of it ends with this value.
final class StartedProcess {
    private let child: ChildProcess
    /// Keeps the folder.
    private let folder: SocketFolder
    private let socket: String
    var endpoint: String { "ipc://\(socket)" }

    /// Throws `ExternalEnvironmentError` where there is no folder to be made or the program cannot be started.
    init(_ command: [String]) throws(ExternalEnvironmentError) {
        guard let program = command.first else { throw ExternalEnvironmentError("there is no command to start") }
        let executable = try Self.executable(program)
        folder = try SocketFolder.ofThisProcess()
        socket = folder.nextPath()
        do {
            child = try ChildProcess(
                executable: executable, arguments: command.dropFirst() + ["--endpoint", "ipc://\(socket)"],
                log: socket + ".log")
        } catch {
            unlink(socket + ".log")
            throw ExternalEnvironmentError("\(error)")
        }
    }

    deinit {
        child.kill()
        _ = child.wait(milliseconds: Self.endMilliseconds)
        unlink(socket)
        unlink(child.log)
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
}
