import ArgumentParser
import Catalog
import Coordination
import Environments
import Experiments
import Files
import Foundation
import Logging
import Nodes
import Processes
import Reporting
import Supervision

/// What a run is to do.
enum GoalName: String, ExpressibleByArgument, CaseIterable {
    case all, collect, distil, evaluate

    var goal: Coordinator.Goal {
        Coordinator.Goal(
            collects: self == .all || self == .collect, distils: self == .all || self == .distil,
            evaluates: self == .all || self == .evaluate)
    }
}

struct CoordinatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator", abstract: "Lease lifetimes, streams and jobs to the nodes of a run.",
        discussion: """
            RUN is a folder with experiment.yaml in it, as `distillery run` and `launch` make it. \
            Example: distillery coordinator runs/quickstart --bind tcp://127.0.0.1:5555
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var path: String
    @Option(help: "Endpoint to listen on; by default the experiment's cluster.bind.") var bind: String?
    @Flag(help: "Takes the place of a coordinator that died: what `scale` has set stays.") var restarted = false
    @Option(help: "What to do: all, collect, distil or evaluate.") var goal = GoalName.all
    @Option(help: "With --goal evaluate: the checkpoint's name; by default the latest.") var checkpoint: String?
    @Option(help: "With --goal evaluate: only the tasks of this split, train or test.") var split: Split?
    @OptionGroup var monitoring: MonitoringOptions
    @OptionGroup var keys: KeyOptions
    @Flag(help: "Listen on addresses that other hosts reach, without authentication.") var insecure = false

    func validate() throws { try checkBind(bind) }

    func run() throws {
        let logger = makeLogger("coordinator")
        let folder = URL(fileURLWithPath: path).standardizedFileURL
        let experiment = try Experiment(path: folder.appendingPathComponent("experiment.yaml").path)
        let context = try ExperimentContext(experiment: experiment, folder: folder.path)
        let lock = try DirectoryLock(coordinatorOf: folder.path)
        defer { withExtendedLifetime(lock) {} }
        let catalog = folder.appendingPathComponent("catalog.sqlite").path
        let ledger = try whenThereIsRoom(logger) {
            try Ledger(path: catalog, mode: FileManager.default.fileExists(atPath: catalog) ? .resume : .create)
        }
        let journal = try whenThereIsRoom(logger) {
            try LedgerJournal(ledger: ledger, context: context, folder: folder)
        }
        let events = try whenThereIsRoom(logger) {
            try ScalarLog(
                folder: folder.appendingPathComponent("events"), name: "coordinator",
                time: Date().timeIntervalSince1970)
        }
        journal.onMetrics = { name, step, value in
            do { try events.append(name, step: step, value: value, time: Date().timeIntervalSince1970) } catch {
                logger.warning("numbers for plots are lost", metadata: ["reason": "\(error)"])
            }
        }
        let axis = context.distribution.curveAxis
        if axis == .step { journal.readCurves = { try $0.recorded(in: folder, over: axis) } }
        let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
        let process = try CoordinatorProcess(
            bind: bind ?? experiment.cluster.bind, keys: keys.folder, insecure: insecure,
            monitoring: try monitoring.desk(logger), logger: logger, signals: signals)
        let store = CheckpointStore(folder: folder.appendingPathComponent("checkpoints/distiller"))
        var aim = goal.goal
        if let split { aim.splits = [split] }
        if aim.evaluates, !aim.distils { aim.checkpoint = checkpoint ?? store.latest }
        try whenThereIsRoom(logger) { try ledger.begin(experiment) }
        var progress = try journal.progress()
        if !restarted { progress.scale = nil }
        try whenThereIsRoom(logger) { try journal.started() }
        let coordinator = try Coordinator(
            context: context, run: experiment.name, folder: folder.path, goal: aim, journal: journal,
            checkpoints: store, disk: DiskThread(), promptDisk: DiskThread(), logger: logger, finished: progress,
            now: process.now)
        // A reader sees all of the file or nothing.
        try whenThereIsRoom(logger) {
            try AtomicFile.write(
                process.endpoint + "\n", to: folder.appendingPathComponent(Supervisor.endpointFile).path)
        }
        logger.info("listening", metadata: ["endpoint": "\(process.endpoint)"])
        let signal = try process.run(coordinator)
        do { try events.close() } catch {
            logger.warning("numbers for plots are lost", metadata: ["reason": "\(error)"])
        }
        try ledger.end(failure: coordinator.failure.isEmpty ? nil : coordinator.failure)
        try ledger.close()
        guard coordinator.failure.isEmpty else { throw ClusterError(coordinator.failure) }
        try exitIfInterrupted(signal == .terminate ? nil : signal)
    }
}

/// Does what a coordinator needs before it can answer; on a full disk again each second.
private func whenThereIsRoom<Result>(_ logger: Logger, _ body: () throws -> Result) throws -> Result {
    while true {
        do { return try body() } catch  where isLackOfRoom(error) {
            logger.warning("the coordinator waits to begin", metadata: ["for": "room on the disk: \(error)"])
            sleep(1)
        }
    }
}

extension Ledger {
    /// Writes down that the run has begun, or goes on.
    fileprivate func begin(_ experiment: Experiment) throws {
        let earlier = try run()
        try save(
            RunRecord(
                name: experiment.name, softwareVersion: softwareVersion, experimentYAML: experiment.yaml,
                started: earlier?.started ?? Date().timeIntervalSince1970))
    }

    fileprivate func end(failure: String?) throws {
        guard var record = try run() else { return }
        record.ended = Date().timeIntervalSince1970
        record.failure = failure
        try save(record)
    }
}
