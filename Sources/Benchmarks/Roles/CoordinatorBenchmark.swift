import Catalog
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Logging
import Nodes
import Quantities
import Wire

/// What the coordinator costs with many nodes: the real state machine, real bytes, nodes that only say what honest ones
/// say, and simulated time.
///
/// Nodes send a heartbeat each second, take every lease and have done with it after ten seconds. Only the coordinator's
/// work is timed: decoding, deciding, writing down, encoding.
package struct CoordinatorBenchmark {
    /// The simulated time between two turns of the coordinator.
    private static let tickNanoseconds: UInt64 = 50_000_000
    /// How long a node keeps a lease before it reports the work as done, in simulated time.
    private static let leaseNanoseconds: UInt64 = 10_000_000_000
    /// Simulated seconds in which nodes join and take leases; not counted.
    private static let warmUpSeconds = 12
    /// Actors of each lifetime: with four in a process, each lifetime has two parts.
    private static let actorsPerLifetime = 8
    /// Actors that each actor process carries at most.
    private static let actorsPerProcess = 4
    /// One node of this many is a learner.
    private static let nodesPerLearner = 20

    /// Nodes of the simulated cluster; a recorder, a twentieth of them learners, the rest actor processes.
    package let nodes: Int
    /// Simulated time that is counted, after the warm-up.
    package let simulatedSeconds: Int
    private let withCatalogue: Bool

    /// `withCatalogue`: whether the coordinator writes into a catalogue on the disk, as in a run, or nowhere.
    package init(nodes: Int, simulatedSeconds: Int, withCatalogue: Bool) {
        self.nodes = nodes
        self.simulatedSeconds = simulatedSeconds
        self.withCatalogue = withCatalogue
    }

    /// Rates are those of all repetitions; what else was measured is of the one in the middle by its share of a core.
    /// `folder`: for catalogues and checkpoints, a folder for each repetition, removed after it. Throws `ClusterError`
    /// where the cluster is not at work at the end.
    package func run(repetitions: Int, in folder: String, say: (String) -> Void) throws -> BenchmarkResult {
        let runs = try (0..<repetitions).map { index in
            let own = "\(folder)/\(nodes)-\(index)"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: own) }
            return try run(folder: own)
        }
        let result = BenchmarkResult(middleOf: runs, by: "share_of_core")
        let share = NumberText.percent(result.measured["share_of_core"] ?? 0, decimals: 2)
        say(
            "\(result.name), \(nodes) nodes: \(share) of a core, "
                + "\(Int(result.measured["messages_per_simulated_second"] ?? 0)) messages a second")
        return result
    }

    /// It keeps the nodes busy for so long.
    private func experiment() throws -> Experiment {
        let learners = max(1, nodes / Self.nodesPerLearner)
        let processes = max(2, nodes - learners - 1)
        let running = processes * Self.actorsPerProcess / Self.actorsPerLifetime
        let rounds = (simulatedSeconds + Self.warmUpSeconds) * 1_000_000_000 / Int(Self.leaseNanoseconds) + 2
        return try Experiment(
            yaml: """
                name: bench-coordinator
                tasks: {test: 16, train: 64}
                collect: {actors: \(Self.actorsPerLifetime), lifetimes: \(1 + running * rounds / 64), test_lifetimes: 0}
                cluster:
                  learners: \(learners)
                  actor_processes: \(processes)
                  actors_per_process: \(Self.actorsPerProcess)
                """, file: "the bench's experiment")
    }

    /// Simulates the warm-up and `simulatedSeconds`.
    private func run(folder: String) throws -> BenchmarkResult {
        let experiment = try self.experiment()
        var now: UInt64 = 1_000_000_000
        let coordinator = try makeCoordinator(experiment, folder: folder, now: now)
        let cluster = StubCluster(experiment: experiment, nodes: nodes, now: now)
        _ = try simulate(Self.warmUpSeconds, coordinator, cluster, now: &now)
        let counted = try simulate(simulatedSeconds, coordinator, cluster, now: &now)
        let status = coordinator.status(now: now)
        guard status.nodes.count == cluster.count, status.lifetimes.running > 0, coordinator.failure.isEmpty else {
            throw ClusterError("the bench's cluster is not at work: \(status.lifetimes) \(coordinator.failure)")
        }
        return BenchmarkResult(
            name: withCatalogue ? "coordinator-with-catalogue" : "coordinator",
            configuration: ["nodes": .init(nodes), "simulated_seconds": .init(simulatedSeconds)],
            rates: [.messages: [Double(counted.messages) / counted.cost]],
            measured: [
                "share_of_core": counted.cost / Double(simulatedSeconds), "cpu_seconds": counted.cost,
                "messages_per_simulated_second": Double(counted.messages) / Double(simulatedSeconds),
                "lifetimes_finished": Double(status.lifetimes.finished),
                "refused_messages": Double(coordinator.refusedMessages),
            ])
    }

    private func makeCoordinator(_ experiment: Experiment, folder: String, now: UInt64) throws -> Coordinator {
        let context = try ExperimentContext(experiment: experiment, folder: folder)
        let url = URL(fileURLWithPath: folder)
        let journal: any RunJournal =
            try withCatalogue
            ? LedgerJournal(
                ledger: Ledger(path: folder + "/catalog.sqlite", mode: .create), context: context, folder: url)
            : NoJournal()
        return try Coordinator(
            context: context, run: "bench", folder: folder,
            goal: Coordinator.Goal(collects: true, distils: false, evaluates: false), journal: journal,
            checkpoints: CheckpointStore(folder: url.appendingPathComponent("checkpoints")),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }, now: now)
    }

    /// The coordinator's processor time, in seconds, and the messages that it took.
    private func simulate(
        _ seconds: Int, _ coordinator: Coordinator, _ cluster: StubCluster, now: inout UInt64
    ) throws -> (cost: Double, messages: Int) {
        var cost = 0.0
        var messages = 0
        var outbox = Outbox()
        for _ in 0..<(seconds * Int(1_000_000_000 / Self.tickNanoseconds)) {
            now += Self.tickNanoseconds
            let arriving = cluster.speak(now: now)
            messages += arriving.count
            let began = processSeconds()
            for (name, bytes) in arriving {
                try bytes.withUnsafeBytes {
                    try coordinator.receive($0, from: .peer(name), now: now, outbox: &outbox)
                }
            }
            try coordinator.tick(now: now, outbox: &outbox)
            try coordinator.commit(&outbox, now: now)
            cost += processSeconds() - began
            for item in outbox.items {
                for case .peer(let name) in item.addresses {
                    cluster.hear(try Envelope(decoding: item.bytes), name: name, at: now, lease: Self.leaseNanoseconds)
                }
            }
            outbox.removeAll()
        }
        return (cost, messages)
    }
}

/// Processor time of all threads of this process, in seconds (CLOCK_PROCESS_CPUTIME_ID): time in which other processes
/// had the processor is not in it.
private func processSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Writes nothing down.
private final class NoJournal: RunJournal {
    func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Task, actors: Int) throws {}
    func lifetimeStarted(_ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int) throws {}
    func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws {}
    func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws {}
    func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws {}
    func scaled(_ scale: Scale) throws {}
    func nodeJoined(_ hello: Hello) throws {}
    func nodeLeft(_ name: String, reason: String) throws {}
    func phaseBegan(_ phase: RunPhase) throws {}
    func metrics(_ source: String, _ metrics: Metrics) throws {}
    func checkpointStored(_ name: String, numbers: [String: Double]) throws {}
    func distillationFinished(_ checkpoint: String) throws {}
    func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws {}
    func commit() throws {}
}
