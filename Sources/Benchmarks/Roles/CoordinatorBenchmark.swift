import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Nodes
import Quantities
import Wire

/// What the coordinator costs with many nodes: the real state machine, real bytes, nodes that only say what honest ones
/// say, and simulated time.
///
/// Nodes send a heartbeat each second, take every lease and have done with it after ten seconds. Only the coordinator's
/// work is timed: decoding, deciding, writing down, encoding.
package struct CoordinatorBenchmark {
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
        let rounds = (simulatedSeconds + Self.warmUpSeconds) * 1_000_000_000 / Int(StubPlan.defaultLeaseNanoseconds) + 2
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
        let plan = StubPlan(
            learners: experiment.cluster.learners,
            actorProcesses: max(nodes - experiment.cluster.learners - 1, 2))
        var simulation = try StubSimulation(plan, experiment, folder: folder, withCatalogue: withCatalogue)
        _ = try simulation.run(seconds: Self.warmUpSeconds)
        let counted = try simulation.run(seconds: simulatedSeconds)
        let coordinator = simulation.coordinator
        let status = coordinator.status(now: simulation.now)
        guard status.nodes.count == simulation.cluster.count, status.lifetimes.running > 0,
            coordinator.failure.isEmpty
        else {
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
}
