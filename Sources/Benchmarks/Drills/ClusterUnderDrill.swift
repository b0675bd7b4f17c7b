import Coordination
import Experiments
import Foundation
import Nodes
import Processes
import Supervision
import Wire

/// `launch` or `run` of the running executable as a child process, whose children are killed from outside. Belongs to
/// the drill's thread.
final class ClusterUnderDrill {
    let folder: String
    private let command: String
    private let file: String
    private let environment: [String: String]
    private var process: ChildProcess
    private var starts = 1
    private var client: ControlClient?
    let monitor: BenchmarkMonitor

    /// Starts the cluster in a new folder; `command` is `launch`, or `run` for one that goes on to evaluate.
    init(_ experiment: Experiment, folder: String, command: String = "launch", _ monitor: BenchmarkMonitor) throws {
        self.monitor = monitor
        self.folder = folder
        self.command = command
        guard !FileManager.default.fileExists(atPath: folder) else {
            throw ClusterError("\(folder) exists: choose another --out")
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        file = folder + "/drill.yaml"
        try Data(experiment.yaml.utf8).write(to: URL(fileURLWithPath: file))
        var environment = ProcessInfo.processInfo.environment
        // Actors write down what was acknowledged to them.
        environment["DISTILLERY_LOG"] = "debug"
        self.environment = environment
        process = try ChildProcess(
            executable: try ChildProcess.ownExecutable(), arguments: [command, file, "--out", folder + "/run"],
            log: folder + "/launch.log", environment: environment)
    }

    var run: String { folder + "/run" }
    /// Nil while it is at work.
    var exitStatus: ExitStatus? { process.exitStatus }

    /// Kills the supervisor; the kernel ends its children with it. Throws when they are there long afterwards.
    func killSupervisor() throws {
        let children = processes.values.joined()
        process.kill()
        _ = process.wait(milliseconds: Self.deathMilliseconds)
        for _ in 0..<(Self.deathMilliseconds / 50) where children.contains(where: { kill($0, 0) == 0 }) {
            usleep(50_000)
        }
        guard !children.contains(where: { kill($0, 0) == 0 }) else {
            throw ClusterError("children of a supervisor that was killed are at work: \(children.sorted())")
        }
    }

    /// Takes the run up whose supervisor is dead.
    func resume() throws {
        starts += 1
        client = nil
        process = try ChildProcess(
            executable: try ChildProcess.ownExecutable(),
            arguments: [command, file, "--out", folder + "/run", "--resume"], log: folder + "/launch-\(starts).log",
            environment: environment)
    }

    private static let deathMilliseconds = 30_000
    var hasEnded: Bool { process.exitStatus != nil }
    /// The end of what the cluster's supervisor had to say.
    var lastWords: String { process.lastLines(8).joined(separator: "\n") }

    /// Nil while no coordinator answers.
    func status() -> ClusterStatus? {
        guard let endpoint = try? endpoint() else { return nil }
        if client == nil { client = try? ControlClient(endpoint: endpoint, deadlineMilliseconds: 300) }
        let status = try? (client?.status()).map(ClusterStatus.init(json:))
        // What was asked of a coordinator that has died is not answered by the next one.
        if status == nil { client = nil }
        return status
    }

    func scale(actors: Int) throws { try ControlClient(endpoint: try endpoint()).scale(actors: actors) }

    /// Waits until `status` is as wanted; throws when the cluster ends before.
    func wait(until isAsWanted: (ClusterStatus) -> Bool) throws {
        while try !(checked().status().map(isAsWanted) ?? false) { usleep(50_000) }
    }

    /// Itself, unless it has ended or the drill is to end.
    @discardableResult
    func checked() throws -> Self {
        guard !hasEnded else { throw ClusterError("the cluster ended: \(lastWords)") }
        try monitor.mayGoOn()
        return self
    }

    func endpoint() throws -> String {
        String(try String(contentsOfFile: run + "/" + Supervisor.endpointFile, encoding: .utf8).dropLast())
    }

    /// The cluster's processes by role.
    var processes: [RoleName: [Int32]] {
        var found: [RoleName: [Int32]] = [:]
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let number = Int32(entry), ProcessEntry(number)?.parent == process.identifier,
                let data = FileManager.default.contents(atPath: "/proc/\(number)/cmdline")
            else { continue }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            if words.count > 1, let role = RoleName(rawValue: words[1]) { found[role, default: []].append(number) }
        }
        return found
    }

    /// Ctrl-C; waits for the end.
    func stop() {
        kill(process.identifier, SIGINT)
        _ = process.wait(milliseconds: 30_000)
        process.kill()
    }

    /// The highest sequence that was called durable to any actor process, of each stream's file and incarnation.
    func acknowledged() throws -> [String: [UInt64: UInt64]] {
        var highest: [String: [UInt64: UInt64]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: run + "/logs") where name.hasPrefix("actor-") {
            let log = try String(contentsOfFile: run + "/logs/" + name, encoding: .utf8)
            for line in log.split(separator: "\n") { AcknowledgementLog.read(line, into: &highest) }
        }
        return highest
    }
}
