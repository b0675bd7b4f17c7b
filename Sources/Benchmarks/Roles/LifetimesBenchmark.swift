import Catalog
package import Experiments
import Nodes

/// Many short lifetimes collected by a whole cluster on loopback: bandits of one actor and 100 trials under UCB, one
/// file each. What is measured is not stepping but everything around a lifetime: leases, opening, sealing, the catalogue.
///
/// The clock runs from the first lease to the end of the last lifetime, which its carrier reports when the recorder has
/// sealed its stream.
package struct LifetimesBenchmark {
    private let lifetimes: Int
    private let processes: Int
    private let atOnce: Int

    /// So many lifetimes in all, actor processes, and lifetimes that the learner works on at the same time.
    package init(lifetimes: Int, processes: Int, atOnce: Int) {
        self.lifetimes = lifetimes
        self.processes = processes
        self.atOnce = atOnce
    }

    /// `collect` carries an experiment out and gives `numbers(ofRun:)` of it. Throws what `collect` throws.
    package func run(
        repetitions: Int, say: (String) -> Void, collect: (_ experiment: Experiment) throws -> [String: Double]
    ) throws -> [BenchmarkResult] {
        var runs: [[String: Double]] = []
        for _ in 0..<repetitions {
            let numbers = try collect(try experiment())
            say(
                "\(lifetimes) lifetimes in \(numbers["seconds", default: 0]) s, "
                    + "\(Int(numbers["lifetimes_per_second", default: 0])) a second")
            runs.append(numbers)
        }
        return [
            BenchmarkResult(
                name: "lifetimes",
                configuration: [
                    "lifetimes": .init(lifetimes), "actor_processes": .init(processes), "learners": 1,
                    "lifetimes_per_learner": .init(atOnce),
                ], ofRuns: runs)
        ]
    }

    /// What the catalogue of a finished run says. Throws `ClusterError` where a lifetime did not end or a stream was not
    /// sealed.
    package static func numbers(ofRun folder: String) throws -> [String: Double] {
        let ledger = try Ledger(path: folder + "/catalog.sqlite", mode: .read)
        let lifetimes = try ledger.lifetimes()
        let (started, ended) = (lifetimes.compactMap(\.started), lifetimes.compactMap(\.ended))
        let sealed = try ledger.streams().filter(\.isSealed)
        guard let first = started.min(), let last = ended.max(), ended.count == lifetimes.count,
            sealed.count == lifetimes.count
        else {
            throw ClusterError(
                "\(ended.count) of \(lifetimes.count) lifetimes of the bench ended, with \(sealed.count) sealed streams"
            )
        }
        let rows = sealed.reduce(0) { $0 + $1.rows }
        return [
            "environment_steps_per_second": Double(rows) / (last - first), "seconds": last - first,
            "lifetimes_per_second": Double(lifetimes.count) / (last - first), "transitions": Double(rows),
        ]
    }

    private func experiment() throws -> Experiment {
        try Experiment(
            yaml: """
                name: bench-lifetimes
                environment: {name: adversarial-bandit}
                tasks: {test: 1, train: \(lifetimes)}
                source: {algorithm: ucb}
                collect: {actors: 1, lifetimes: 1, test_lifetimes: 0, end: {episodes_per_actor: 1}}
                cluster: {learners: 1, lifetimes_per_learner: \(atOnce), actor_processes: \(processes)}
                distil: {model: {context_length: 100}}
                evaluate: {train_tasks: 1}
                """, file: "the bench's experiment")
    }
}
