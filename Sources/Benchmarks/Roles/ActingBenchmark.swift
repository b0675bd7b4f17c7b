package import Agents
package import Environments
import Experience
import Neural

/// Source algorithms timed on one thread: the actor-critic, which chooses actions and learns from them, and a step of
/// DQN(Q-lambda).
///
/// Dark Room has only 81 observations, and what is equal is computed once. So everything is measured twice: as it runs,
/// and with every row computed by itself, which is how the network compares with others.
package struct ActingBenchmark {
    /// The network and the length of a rollout; the defaults are the paper's source algorithm.
    package var settings = ActorCriticSettings()
    /// Observations of a call, a cell of the Dark Room each: up to 81 all differ.
    package var actors = 50
    /// Rollouts of an update, of `settings.rolloutLength` transitions each.
    package var rollouts = 100
    /// Of DQN(Q-lambda): 8 sequences of 40 a step by default.
    package var qLambda = QLambdaSettings()

    package init() {}

    /// Acting and updates, each with equal observations shared and with every row by itself: six results. Their names
    /// are `acting-distinct-rows`, `acting-policy-table`, `update-distinct-rows`, `update-shared-rows`,
    /// `q-lambda-distinct-rows` and `q-lambda-shared-rows`; those with distinct rows have a share of the peak. Throws what
    /// `plan.mayGoOn` and `plan.progress` throw.
    package func run(_ plan: BenchmarkPlan) throws -> [BenchmarkResult] {
        let tasks = try DarkRoomTasks()
        var results: [BenchmarkResult] = []
        for sharing in [false, true] { results.append(try act(tasks, sharing: sharing, plan)) }
        for sharing in [false, true] { results.append(try learn(tasks, sharing: sharing, plan)) }
        for sharing in [false, true] { results.append(try step(tasks, sharing: sharing, plan)) }
        return results
    }

    /// A call of the actor on `actors` observations that all differ; new parameters come once a rollout. What the
    /// learner does to give a new policy out belongs to it. With sharing the learner gives out a table of actions'
    /// logits by observation instead of parameters, which is how actors of a run act.
    private func act(_ tasks: DarkRoomTasks, sharing: Bool, _ plan: BenchmarkPlan) throws -> BenchmarkResult {
        let learner = try makeLearner(tasks, sharing: sharing)
        let actor: any SourceActor =
            sharing
            ? try SourceAlgorithm.actorCritic(settings).makeActor(environment: tasks.environment, keys: keys(actors))
            : try NetworkActor(
                settings: settings, environment: tasks.environment, keys: keys(actors), sharesEqualObservations: false)
        let observations = (0..<actors).flatMap { [UInt8($0 % 9), UInt8($0 / 9 % 9)] }
        let episodes = [UInt64](repeating: 0, count: actors)
        var steps = [UInt32](repeating: 0, count: actors)
        var actions = [UInt8](repeating: 0, count: actors)
        return try measure(
            sharing ? "acting-policy-table" : "acting-distinct-rows", transitions: actors * settings.rolloutLength,
            operations: sharing
                ? nil : 2 * multiplications(settings.hidden, outputs: 6) * actors * settings.rolloutLength,
            configuration: ["batch": .init(actors)], plan
        ) {
            if sharing {
                try learner.withActingParameters { try actor.load(parameters: $0) }
            } else {
                try learner.withParameters { try actor.load(parameters: $0) }
            }
            for step in 0..<settings.rolloutLength {
                for index in steps.indices { steps[index] = UInt32(step) }
                actor.act(observations: observations, episodes: episodes, steps: steps, actions: &actions)
            }
        }
    }

    /// One update from `rollouts` rollouts: returns, forward, backward, clipping and Adam. The rollouts are collected
    /// once before the timing, by a policy of the learner's first parameters, and used for every update.
    private func learn(_ tasks: DarkRoomTasks, sharing: Bool, _ plan: BenchmarkPlan) throws -> BenchmarkResult {
        let learner = try makeLearner(tasks, sharing: sharing)
        let actor = try NetworkActor(settings: settings, environment: tasks.environment, keys: keys(rollouts))
        try learner.withParameters { try actor.load(parameters: $0) }
        let batch = try collect(tasks, by: actor, streams: rollouts, length: settings.rolloutLength)
        return try measure(
            sharing ? "update-shared-rows" : "update-distinct-rows", transitions: batch.rowCount,
            operations: sharing ? nil : 6 * multiplications(settings.hidden, outputs: 6) * batch.rowCount,
            configuration: ["rollouts": .init(rollouts), "rollout_length": .init(settings.rolloutLength)], plan
        ) { _ = try learner.update([batch]) }
    }

    /// Steps of DQN(Q-lambda), each on its whole batch: what a round of as many actors as make whole steps brings, which
    /// goes into the replay first. The rollouts are collected once, and come again and again under new sequence numbers.
    /// The target's values are looked up in a table, as they always are.
    private func step(_ tasks: DarkRoomTasks, sharing: Bool, _ plan: BenchmarkPlan) throws -> BenchmarkResult {
        // New sequences of so many steps are a whole number.
        let rows = 5 * qLambda.batchSequences * qLambda.sequenceLength
        return try step(
            sharing ? "q-lambda-shared-rows" : "q-lambda-distinct-rows", qLambda, tasks, sharing: sharing,
            operations: sharing ? nil : 6 * multiplications(qLambda.hidden, outputs: 5) * rows, rows: rows, [:], plan)
    }

    /// A step of DQN(Q-lambda) on pictures of the Watermaze, with Table 5's network: they are drawn of the replay's states,
    /// and go through the network and through the target. Three quarters of a batch come from the replay instead of 70 %, so
    /// that each round of rollouts makes one step. One result, `q-lambda-images`. `settings`: of the environment, whose
    /// pictures have the paper's resolution by default. Throws as `run` does.
    package func runOnImages(
        threads: Int, settings: WatermazeSettings = WatermazeSettings(), _ plan: BenchmarkPlan
    ) throws -> [BenchmarkResult] {
        var learning = qLambda
        learning.threads = threads
        learning.replayShare = 0.75
        return [
            try step(
                "q-lambda-images", learning, try WatermazeTasks(settings: settings), sharing: true, operations: nil,
                rows: learning.batchSequences * learning.sequenceLength,
                ["hidden": "none", "image": .text("\(settings.height) x \(settings.width)")], plan)
        ]
    }

    /// `rows`: of the steps that a round of rollouts makes.
    private func step(
        _ name: String, _ settings: QLambdaSettings, _ tasks: any TaskDistribution, sharing: Bool, operations: Int?,
        rows: Int, _ configuration: [String: BenchmarkResult.Setting], _ plan: BenchmarkPlan
    ) throws -> BenchmarkResult {
        let task = try tasks.task(tasks.ids(of: .train).first ?? 0)
        let learner = try QLambdaLearner(
            settings: settings, scene: try tasks.scene(of: task), seed: 0, task: 0, repetition: 0,
            sharesEqualObservations: sharing)
        let sequences = Double(rows / settings.sequenceLength)
        let streams = Int((sequences * (1 - settings.replayShare)).rounded())
        let actor = try SourceAlgorithm.qLambda(settings).makeActor(
            environment: tasks.environment, keys: keys(streams))
        var batch = try collect(tasks, by: actor, streams: streams, length: settings.sequenceLength - settings.overlap)
        func round() throws {
            _ = try learner.update([batch])
            for index in batch.headers.indices { batch.headers[index].sequence += 1 }
        }
        // No step is made before the first sequences are whole.
        for _ in 0..<(settings.sequenceLength / batch.headers[0].length) { try round() }
        let sizes: [String: BenchmarkResult.Setting] = [
            "sequences": .init(settings.batchSequences), "sequence_length": .init(settings.sequenceLength),
            "threads": .init(settings.threads),
        ]
        return try measure(
            name, transitions: rows, operations: operations,
            configuration: configuration.merging(sizes) { first, _ in first }, plan, round)
    }

    /// A learner with the parameters that the seed gives; its task and repetition only choose random numbers.
    private func makeLearner(_ tasks: DarkRoomTasks, sharing: Bool) throws -> ActorCriticLearner {
        try ActorCriticLearner(
            settings: settings, scene: Scene(environment: tasks.environment), seed: 0, task: 0, repetition: 0,
            sharesEqualObservations: sharing)
    }

    /// Keys of random numbers for so many actors: they draw the actions.
    private func keys(_ count: Int) -> [StreamKey] {
        (0..<count).map { StreamKey(seed: 0, task: 0, repetition: 0, actor: $0) }
    }

    /// A rollout of each of so many streams on the first task.
    private func collect(
        _ tasks: any TaskDistribution, by actor: any SourceActor, streams: Int, length: Int
    ) throws -> RolloutBatch {
        let task = try tasks.task(tasks.ids(of: .train).first ?? 0)
        let collector = try RolloutCollector(
            environment: try tasks.makeEnvironment(task: task, keys: keys(streams)), view: try tasks.view(of: task),
            actor: actor,
            lifetime: LifetimeIdentifier(task: 0, repetition: 0),
            positions: (0..<streams).map { ActorPosition(actor: $0) })
        return try collector.collect(length: length, policyVersion: 0)
    }

    /// Multiplications of a row as a dense network has them, with 18 inputs and an output for each of 5 actions, and one
    /// for a value. The input is one-hot, two components of nine values; a dense network multiplies by all 18.
    private func multiplications(_ hidden: [Int], outputs: Int) -> Int {
        let widths = [18] + hidden + [outputs]
        return zip(widths, widths.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// Times `body`, which makes `transitions` transitions with `operations` floating-point operations; nil where equal
    /// rows are shared, since the work then depends on the data.
    private func measure(
        _ name: String, transitions: Int, operations: Int?, configuration: [String: BenchmarkResult.Setting],
        _ plan: BenchmarkPlan, _ body: () throws -> Void
    ) throws -> BenchmarkResult {
        let calls = try plan.warmUp(body)
        let peak = ProductPeak(threads: 1, products: 1)
        var rates: [Double] = []
        var peaks = [peak.sample()]
        for _ in 0..<plan.repetitions {
            try plan.mayGoOn()
            let seconds = try secondsTaken { for _ in 0..<calls { try body() } }
            rates.append(Double(calls * transitions) / seconds)
            peaks.append(peak.sample())
        }
        try plan.progress("\(name): \(Int(rates.median)) transitions a second")
        var all: [BenchmarkResult.Unit: [Double]] = [.transitions: rates]
        var measured = ["peak_gflops": peaks.median]
        if let operations {
            let gflops = rates.map { $0 * Double(operations) / Double(transitions) / 1e9 }
            all[.gflops] = gflops
            measured["share_of_peak"] = gflops.median / peaks.median
        }
        let hidden = settings.hidden.map(String.init).joined(separator: ", ")
        return BenchmarkResult(
            name: name,
            configuration: configuration.merging(["hidden": .text(hidden), "threads": 1]) { first, _ in first },
            rates: all, measured: measured)
    }
}
