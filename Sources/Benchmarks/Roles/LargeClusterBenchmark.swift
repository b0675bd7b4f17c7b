import Catalog
import Coordination
import Experiments
import Foundation
import Nodes
import Processes
import Quantities

/// A whole collection of the paper's size: the real coordinator with its catalogue, thousands of stub nodes on simulated
/// time, some of which die, from the first hello to the last sealed stream.
///
/// What it shows: what the coordinator costs in processor time and memory, and that every lease comes to an end, whichever
/// node dies. The nodes do no work, so nothing is said about theirs.
package struct LargeClusterBenchmark {
    package var actorProcesses = 10_000
    package var actorsPerProcess = 4
    package var recorders = 1
    package var learners = 100
    package var lifetimes = 2000
    package var actorsPerLifetime = 100
    /// Transitions of each stream. The lease of a process lasts as long as 20,000 steps a second take for all its actors.
    package var rowsPerStream: UInt64 = 50_000
    package var deathsPerSecond = 10

    /// A collection that takes longer is taken to hang.
    private static let simulatedSecondsLimit = 100_000
    private static let stepsPerSecond: UInt64 = 20_000
    private static let reportSeconds = 10

    package init() {}

    /// Its processes are those of one machine; the others have come from elsewhere.
    private func experiment() throws -> Experiment {
        try Experiment(
            yaml: """
                name: bench-large-cluster
                environment: {name: dark-key-to-door}
                tasks: {test: 16, train: \(lifetimes)}
                collect: {actors: \(actorsPerLifetime), lifetimes: 1, test_lifetimes: 0}
                cluster:
                  learners: \(learners)
                  actor_processes: \(min(actorProcesses, 4096))
                  actors_per_process: \(actorsPerProcess)
                """, file: "the bench's experiment")
    }

    /// `folder`: for the catalogue; made where it is not there. Throws `ClusterError` where the collection does not end, a lease is unaccounted for or
    /// the catalogue lacks a stream.
    package func run(in folder: String, say: (String) -> Void) throws -> BenchmarkResult {
        var plan = StubPlan(learners: learners, actorProcesses: actorProcesses)
        plan.recorders = recorders
        plan.leaseNanoseconds =
            max(1, rowsPerStream * UInt64(actorsPerProcess) / Self.stepsPerSecond) * 1_000_000_000
        plan.rowsPerStream = rowsPerStream
        plan.deathsPerSecond = deathsPerSecond
        ResidentMemory.forgetPeak()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var simulation = try StubSimulation(plan, try experiment(), folder: folder, withCatalogue: true)
        var (seconds, messages, cost, busiest) = (0, 0, 0.0, 0.0)
        while true {
            let counted = try simulation.run(seconds: 1)
            seconds += 1
            messages += counted.messages
            cost += counted.cost
            busiest = max(busiest, counted.cost)
            guard seconds % Self.reportSeconds == 0 else { continue }
            let status = simulation.coordinator.status(now: simulation.now)
            let share = NumberText.percent(cost / Double(seconds), decimals: 1)
            say(
                "\(status.lifetimes.finished) of \(lifetimes) lifetimes after \(seconds) simulated s, "
                    + "\(status.nodes.count) nodes, \(share) of a core")
            guard simulation.coordinator.failure.isEmpty, seconds < Self.simulatedSecondsLimit else {
                throw ClusterError("the bench's collection did not end: \(simulation.coordinator.failure)")
            }
            if status.phase == .finished { break }
        }
        let memory = ResidentMemory.now().peakMegabytes
        let leases = simulation.cluster.leases
        let (streams, transitions) = try catalogued(folder)
        guard leases.isBalanced, streams == lifetimes * actorsPerLifetime else {
            throw ClusterError("\(leases), and \(streams) of \(lifetimes * actorsPerLifetime) streams are catalogued")
        }
        return BenchmarkResult(
            name: "large-cluster",
            configuration: [
                "actor_processes": .init(actorProcesses), "actors_per_process": .init(actorsPerProcess),
                "recorders": .init(recorders), "learners": .init(learners), "lifetimes": .init(lifetimes),
                "actors_per_lifetime": .init(actorsPerLifetime), "deaths_per_second": .init(deathsPerSecond),
            ],
            rates: [.messages: [Double(messages) / cost]],
            measured: [
                "share_of_core": cost / Double(seconds), "share_of_core_in_busiest_second": busiest,
                "simulated_seconds": Double(seconds), "messages": Double(messages), "peak_megabytes": memory,
                "leases": Double(leases.given), "leases_finished": Double(leases.finished),
                "leases_taken_back": Double(leases.takenBack), "leases_lost_with_holder": Double(leases.lost),
                "streams": Double(streams), "transitions": transitions,
                "catalogue_megabytes": size(of: folder + "/catalog.sqlite") / 1e6,
            ])
    }

    private func catalogued(_ folder: String) throws -> (streams: Int, transitions: Double) {
        let ledger = try Ledger(path: folder + "/catalog.sqlite", mode: .read)
        let sealed = try ledger.streams().filter(\.isSealed)
        return (sealed.count, sealed.reduce(0) { $0 + Double($1.rows) })
    }

    private func size(of path: String) -> Double {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.doubleValue ?? 0
    }
}
