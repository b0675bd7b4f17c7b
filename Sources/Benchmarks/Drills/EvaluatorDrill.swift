import Coordination
import Experiments
import Wire

/// Evaluators are killed, and nothing else, while a model is evaluated.
package struct EvaluatorDrill {
    /// Something is learnt and distilled within seconds, then evaluated for longer than the drill lasts.
    private static let experiment = """
        name: evaluators
        environment: {size: 5, horizon: 10}
        tasks: {test: 12, train: 2}
        source: {learning_rate: 0.003, hidden: [32, 32]}
        collect: {actors: 20, test_lifetimes: 0, end: {episodes_per_actor: 300}}
        cluster: {evaluators: 2}
        distil:
          model: {context_length: 50, dimension: 32, layers: 2, heads: 2, feed_forward: 64}
          windows: {every_episodes: 5}
          training: {batch_size: 16, maximum_seconds: 4, warmup_steps: 20}
        evaluate: {episodes: 200000, seeds: 4, train_tasks: 2, control: false}
        """

    private let minutes: Double
    private let every: Double
    private let seed: UInt64

    /// `every`: seconds between two kills; `seed`: of the choice of victims.
    package init(minutes: Double, every: Double, seed: UInt64) {
        self.minutes = minutes
        self.every = every
        self.seed = seed
    }

    /// Takes `minutes` and the time in which a model is made and all streams are verified and replayed. `folder`: a new
    /// one, of the run. Throws where the cluster ends by itself.
    package func carryOut(in folder: String, _ monitor: BenchmarkMonitor) throws -> BenchmarkResult {
        let experiment = try Experiment(yaml: Self.experiment, file: "the drill's experiment")
        let cluster = try ClusterUnderDrill(experiment, folder: folder, command: "run", monitor)
        defer { cluster.stop() }
        monitor.say("evaluators: a model is made for them")
        try cluster.wait { status in
            status.nodes.count { $0.role == .evaluator && ($0.numbers["evaluation_steps"] ?? 0) > 0 }
                == experiment.cluster.evaluators
        }
        let kills = RandomKills("evaluators", cluster, seed: seed, every: every, roles: [.evaluator])
        let seconds = try kills.carryOut(minutes: minutes)
        let findings = try StreamFindings(of: cluster)
        return BenchmarkResult(
            name: "evaluators",
            configuration: [
                "evaluators": .init(experiment.cluster.evaluators), "kill_every_seconds": .number(every),
            ], rates: [:], measured: kills.numbers.merging(findings.numbers) { $1 }.merging(["seconds": seconds]) { $1 }
        )
    }
}
