import Catalog
package import Experiments
import Nodes
import Quantities

/// Collection by a whole cluster on loopback: actors, learner, recorder and coordinator as processes, everything
/// recorded and learnt. One lifetime on Dark Room 9 x 9, asynchronous, with the paper's network.
///
/// The clock runs from the moment the coordinator leases the lifetime to the last acknowledgement, which follows the
/// sealing of the last stream.
package struct CollectionBenchmark {
    private let actors: Int
    private let processes: Int
    private let episodes: Int

    /// Actors of the lifetime, actor processes, and episodes of each actor.
    package init(actors: Int, processes: Int, episodes: Int) {
        self.actors = actors
        self.processes = processes
        self.episodes = episodes
    }

    /// One result, or with `withKeys` two, of which the second is with CURVE on all connections. `collect` carries an
    /// experiment out, with keys or without, and gives `numbers(ofRun:)` of it. Throws what `collect` throws.
    package func run(
        repetitions: Int, withKeys: Bool, say: (String) -> Void,
        collect: (_ experiment: Experiment, _ hasKeys: Bool) throws -> [String: Double]
    ) throws -> [BenchmarkResult] {
        // In turn, so that a machine that grows slower or faster does so for both.
        let variants = withKeys ? [false, true] : [false]
        var runs = variants.map { _ in [[String: Double]]() }
        for number in 0..<(repetitions * variants.count) {
            let index = number % variants.count
            let numbers = try collect(try experiment(), variants[index])
            say(line(numbers, hasKeys: variants[index]))
            runs[index].append(numbers)
        }
        let results = zip(variants, runs).map { result(of: $1, hasKeys: $0) }
        let rates = results.map { $0.rates[.environmentSteps, default: []].median }
        if withKeys {
            say("\(processes) actor processes: with CURVE \(NumberText.percent(rates[1] / rates[0])) of that without")
        }
        return results
    }

    /// What the catalogue of a finished run says of its lifetime. Throws `ClusterError` where there is none that ended.
    package static func numbers(ofRun folder: String) throws -> [String: Double] {
        let ledger = try Ledger(path: folder + "/catalog.sqlite", mode: .read)
        guard let lifetime = try ledger.lifetimes().first, let started = lifetime.started, let ended = lifetime.ended,
            let transitions = lifetime.transitions, let learnt = lifetime.transitionsLearnt
        else { throw ClusterError("the bench's lifetime did not finish") }
        return [
            "environment_steps_per_second": Double(transitions) / (ended - started), "seconds": ended - started,
            "transitions": Double(transitions), "share_learnt": Double(learnt) / Double(transitions),
            "mean_policy_lag": lifetime.meanPolicyLag ?? 0, "updates": Double(lifetime.updates ?? 0),
        ]
    }

    private func experiment() throws -> Experiment {
        try Experiment(
            yaml: """
                name: bench-collect
                tasks: {test: 16, train: 1}
                collect: {actors: \(actors), lifetimes: 1, test_lifetimes: 0, synchronization: asynchronous, \
                end: {episodes_per_actor: \(episodes)}}
                cluster: {learners: 1, actor_processes: \(processes)}
                evaluate: {train_tasks: 1}
                """, file: "the bench's experiment")
    }

    private func line(_ numbers: [String: Double], hasKeys: Bool) -> String {
        let rate = Int(numbers["environment_steps_per_second"] ?? 0)
        return "\(processes) actor processes\(hasKeys ? " with CURVE" : ""): \(rate) steps a second, "
            + "\(NumberText.percent(numbers["share_learnt"] ?? 0)) learnt from, "
            + "mean policy lag \(NumberText.fixed(numbers["mean_policy_lag"] ?? 0, decimals: 2))"
    }

    private func result(of runs: [[String: Double]], hasKeys: Bool) -> BenchmarkResult {
        BenchmarkResult(
            name: hasKeys ? "collect with CURVE" : "collect",
            configuration: [
                "actors": .init(actors), "actor_processes": .init(processes), "learners": 1,
                "episodes_per_actor": .init(episodes), "curve": hasKeys ? 1 : 0,
            ], ofRuns: runs)
    }
}
