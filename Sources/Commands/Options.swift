import ArgumentParser
import Experiments
import Foundation
import Logging
import Monitoring
import Processes
import Supervision
import Transport
import Wire

/// Keys of CURVE, by option or by environment.
struct KeyOptions: ParsableArguments {
    static let environmentName = "DISTILLERY_KEYS"

    @Option(
        help: """
            Keys of the cluster: the folder that `distillery keys generate` made, or for a node its file alone \
            (default: $DISTILLERY_KEYS; without keys only this host can connect).
            """)
    var keys: String?

    private var path: String? {
        let given = keys ?? ProcessInfo.processInfo.environment[Self.environmentName]
        return given.flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0).standardizedFileURL.path }
    }

    /// Of a node or a client; nil in a cluster without keys.
    func node() throws -> NodeKey? { try path.map { try NodeKey(path: $0) } }

    /// Of the coordinator.
    var folder: KeyFolder? { path.map { KeyFolder($0) } }

    /// Of a command that starts a cluster, checked for whether its processes may connect; nil without keys.
    func own() throws -> OwnKey? {
        let own = try folder.map { try OwnKey($0) }
        try own?.checkPermission()
        return own
    }

    /// For the processes that a command starts.
    var arguments: [String] { path.map { ["--keys", $0] } ?? [] }
}

/// Where the processes that a command starts listen, and whom they let in.
struct ListenOptions: ParsableArguments {
    @Option(help: "Endpoint of the coordinator; by default the experiment's cluster.bind.") var bind: String?
    @OptionGroup var keys: KeyOptions
    @OptionGroup var monitoring: MonitoringOptions
    @Flag(help: "Listen on addresses that other hosts reach, without authentication.") var insecure = false

    func validate() throws { try checkBind(bind) }

    private var common: [String] { keys.arguments + (insecure ? ["--insecure"] : []) }

    var coordinatorArguments: [String] {
        common + (bind.map { ["--bind", $0] } ?? []) + monitoring.arguments
    }

    /// Learners and recorders listen on the coordinator's address, at ports of their own.
    func roleArguments(_ experiment: Experiment) -> [RoleName: [String]] {
        let endpoint = bind ?? experiment.cluster.bind
        let colon = endpoint.hasPrefix("tcp://") ? endpoint.lastIndex(of: ":") : nil
        let host = colon.map { endpoint[..<$0] } ?? "tcp://127.0.0.1"
        return Dictionary(
            uniqueKeysWithValues: RoleName.allCases.map { role in
                (role, common + (role == .learner || role == .recorder ? ["--bind", "\(host):*"] : []))
            })
    }
}

/// Where the recorders that a command starts write.
struct RecorderFolderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            A folder for the streams of one recorder, once for each of cluster.recorders, such as one on each disk; by \
            default the run's folder, and recorder-1, recorder-2, ... in it. A run that is resumed needs the same.
            """, valueName: "folder"))
    var recorderFolder: [String] = []

    /// Absolute paths, by the recorders' numbers; none where none were given.
    func folders(for experiment: Experiment) throws -> [String] {
        let folders = recorderFolder.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        guard folders.isEmpty || folders.count == experiment.cluster.recorders else {
            throw ValidationError(
                "--recorder-folder names \(folders.count) folders, and cluster.recorders is "
                    + "\(experiment.cluster.recorders): expected one for each")
        }
        guard Set(folders).count == folders.count else {
            throw ValidationError("--recorder-folder names the same folder twice; each recorder needs one of its own")
        }
        return folders
    }
}

/// Where a process answers monitoring, by option or by environment.
struct MonitoringOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Serve /metrics (Prometheus) and /healthz there over HTTP, without authentication, for example 127.0.0.1:9464 \
            (default: $DISTILLERY_METRICS; without it they are not served).
            """, valueName: "host:port"))
    var metrics: String?

    func validate() throws {
        do { _ = try metrics.map { try MonitoringAddress($0) } } catch { throw ValidationError("--metrics \(error)") }
    }

    /// For the coordinator that a command starts, which alone gets the environment's address, too.
    var arguments: [String] { metrics.map { ["--metrics", $0] } ?? [] }

    /// The desk that is served from now on; nil where nothing is to be served. Throws `MonitoringError` where the address
    /// of the option cannot be served; one of the environment is for every process that finds it there, of which only the
    /// first may have it: the others say so and go on.
    func desk(_ logger: Logger) throws -> MonitoringDesk? {
        if let metrics { return try serve(metrics, logger) }
        guard let text = ProcessInfo.processInfo.environment[MonitoringAddress.variable], !text.isEmpty else {
            return nil
        }
        do { return try serve(text, logger) } catch {
            logger.warning("no metrics are served", metadata: [MonitoringAddress.variable: "\(error)"])
            return nil
        }
    }

    private func serve(_ text: String, _ logger: Logger) throws -> MonitoringDesk {
        let desk = MonitoringDesk()
        let bound = try MonitoringServer.startAndWait(at: MonitoringAddress(text), desk: desk) { failure in
            logger.warning("metrics are served again in a moment", metadata: ["failure": "\(failure)"])
        }
        logger.info("serves metrics", metadata: ["address": "\(bound)"])
        return desk
    }
}

/// Throws `ValidationError` for an endpoint that no server can listen at.
func checkBind(_ endpoint: String?) throws {
    if let problem = endpoint.flatMap(problemOfListening) { throw ValidationError("--bind: \(problem)") }
}

/// Where the coordinator is.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The coordinator's endpoint, for example tcp://127.0.0.1:5555, or the folder of its run on this host.",
            valueName: "endpoint"))
    var coordinator: String

    @OptionGroup var keys: KeyOptions

    @Flag(help: "Speak to and listen on addresses that other hosts reach, without authentication.")
    var insecure = false

    /// Where the coordinator listens, also where its run was named. Throws `ClusterError`.
    func endpoint() throws -> String { try CoordinatorAddress(coordinator).endpoint() }
}

extension ControlClient {
    convenience init(_ connection: ConnectionOptions) throws {
        try self.init(endpoint: connection.endpoint(), key: connection.keys.node(), insecure: connection.insecure)
    }
}

/// An experiment file with what is changed in it.
struct ExperimentOptions: ParsableArguments {
    @Argument(help: "The experiment, a YAML file (docs/experiments.md).")
    var experiment: String

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Override one key, for example collect.actors=100.", valueName: "key=value"))
    var overrides: [String] = []

    @Option(help: "One of the sizes that the experiment names, for example paper.") var size: String?

    func read() throws -> Experiment { try Experiment(path: experiment, size: size, overrides: overrides) }
}

extension Experiment {
    /// Throws `PlanError` when this machine has no room for the processes that it asks for.
    func checkProcesses(collects: Bool, distils: Bool = false, evaluates: Bool) throws {
        let room = ProcessRoom.now()
        try checkProcesses(
            collects: collects, distils: distils, evaluates: evaluates, room: room.processes, reason: room.reason)
    }
}

/// Logs to standard error, where a supervised role's log file is.
func makeLogger(_ label: String) -> Logger {
    var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    logger.logLevel =
        ProcessInfo.processInfo.environment["DISTILLERY_LOG"].flatMap(Logger.Level.init(rawValue:)) ?? .info
    return logger
}

/// Ends the command with the shell's exit code for the signal that interrupted it: 130 for Ctrl-C.
func exitIfInterrupted(_ signal: Signal?) throws {
    if let signal { throw ExitCode(signal.exitCode) }
}

/// Ends the command where its cluster was ended before everything was done.
func exitUnlessComplete(_ outcome: Supervisor.Outcome, advice: String? = nil) throws {
    switch outcome {
    case .complete: return
    case .stopped:
        printError((["stopped"] + [advice].compactMap { $0 }).joined(separator: "; "))
        throw ExitCode(Signal.interrupt.exitCode)
    case .interrupted(let signal):
        printError((["interrupted"] + [advice].compactMap { $0 }).joined(separator: "; "))
        throw ExitCode(signal.exitCode)
    }
}
