import ArgumentParser
import Benchmarks
import Collecting
import Distilling
import Experiments
import Foundation
import Histories
import Logging
import Nodes
import Processes
import Wire

/// Runs a role until it is finished or told to leave. A node that is asked to leave by SIGTERM leaves in good order.
private func serve(
    _ role: any Role, _ connection: ConnectionOptions, _ monitoring: MonitoringOptions, bind: String? = nil,
    announce: String? = nil
) throws {
    let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
    let logger = makeLogger(role.name.rawValue)
    let process = try NodeProcess(
        role: role, coordinator: try connection.endpoint(), bind: bind, announce: announce,
        key: try connection.keys.node(),
        insecure: connection.insecure, workLimit: workLimitMilliseconds, monitoring: try monitoring.desk(logger),
        logger: logger, signals: signals)
    let signal = try process.run()
    signals.ignoreRequests()
    try exitIfInterrupted(signal == .terminate ? nil : signal)
}

/// How long a step of a node's work may show no progress, by the coordinator's experiment.
@Sendable private func workLimitMilliseconds(of yaml: String) -> UInt64? {
    (try? Experiment(yaml: yaml, file: "the coordinator's experiment")).map {
        UInt64($0.cluster.workLimitSeconds) * 1000
    }
}

struct ActorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "actor", abstract: "Carry actors: step environments and send rollouts.",
        discussion: "Example: distillery actor --coordinator tcp://127.0.0.1:5555 --capacity 25")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var monitoring: MonitoringOptions
    @Option(help: "Actors that this process carries at most; 0 takes the experiment's number.") var capacity = 0

    func validate() throws {
        guard (0...65_536).contains(capacity) else {
            throw ValidationError("--capacity \(capacity): expected 0 to 65536")
        }
    }

    func run() throws {
        let role = ActorRole(capacity: capacity)
        let logger = makeLogger("actor")
        if logger.logLevel <= .debug { role.onDurable = { AcknowledgementLog.write($0, to: logger) } }
        try serve(role, connection, monitoring)
    }
}

struct LearnerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learner", abstract: "Learn lifetimes from the rollouts of their actors.",
        discussion: "Example: distillery learner --coordinator tcp://127.0.0.1:5555 --capacity 4")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var monitoring: MonitoringOptions
    @Option(help: "Lifetimes that it learns at once; 0 takes the experiment's number.") var capacity = 0
    @Option(help: "Endpoint to listen on.") var bind = "tcp://127.0.0.1:*"
    @Option(help: "Host or address under which others reach it; by default the one it is bound to.") var announce:
        String?

    func validate() throws {
        try checkBind(bind)
        guard (0...1024).contains(capacity) else { throw ValidationError("--capacity \(capacity): expected 0 to 1024") }
    }

    func run() throws {
        try serve(LearnerRole(capacity: capacity), connection, monitoring, bind: bind, announce: announce)
    }
}

struct RecorderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recorder", abstract: "Write every actor's stream into its own file.",
        discussion: "Example: distillery recorder --coordinator tcp://127.0.0.1:5555")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var monitoring: MonitoringOptions
    @Option(help: "Folder for the streams; by default the coordinator's folder of the run.") var folder: String?
    @Option(
        help: """
            Folder on a disk of this host in which streams grow; their sealed files go to the folder for the streams, and \
            so does what still grows when the recorder leaves. By default they grow where they end.
            """)
    var growingFolder: String?
    @Option(help: "Endpoint to listen on.") var bind = "tcp://127.0.0.1:*"
    @Option(help: "Host or address under which others reach it; by default the one it is bound to.") var announce:
        String?

    func validate() throws { try checkBind(bind) }

    func run() throws {
        let disk = growingFolder.map {
            RecorderLinks.Place(host: hostName(), path: URL(fileURLWithPath: $0).standardizedFileURL.path)
        }
        try serve(
            RecorderRole(folder: folder, disk: disk, logger: makeLogger("recorder")), connection, monitoring,
            bind: bind, announce: announce)
    }
}

struct DistillerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distiller", abstract: "Train the transformer on a run's streams, for the coordinator.",
        discussion: """
            Example: distillery distiller --coordinator tcp://127.0.0.1:5555
            On a GPU, by PyTorch: distillery distiller --coordinator tcp://127.0.0.1:5555 --engine pytorch
            On a folder of streams alone, without a cluster: distillery distill.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var monitoring: MonitoringOptions
    @OptionGroup var engine: EngineOptions
    @Option(help: "Folder of the run; by default the one that the coordinator names.") var folder: String?

    func run() throws {
        let logger = makeLogger("distiller")
        try serve(
            DistillerRole(folder: folder, engine: engine.make(logger), logger: logger), connection, monitoring)
    }
}

struct EvaluatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluator", abstract: "Roll the frozen model out on tasks that the coordinator leases.",
        discussion: "Example: distillery evaluator --coordinator tcp://127.0.0.1:5555")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var monitoring: MonitoringOptions

    func run() throws { try serve(EvaluatorRole(), connection, monitoring) }
}
