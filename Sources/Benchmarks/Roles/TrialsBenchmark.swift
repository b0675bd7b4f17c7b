import Agents
import Environments
import Experience
package import Experiments
import Neural
import Settings

/// RL2 in one process: a lifetime on trials of drawn tasks, in lockstep, and then its policy with frozen parameters on
/// tasks of each group, for some trials in a row (paper, Table 6 and figures 3, 4 and 11).
///
/// The rate is of training. What is measured by group is the mean return of the first and of the last episode of a
/// trial, of the trial's second half, and of the last episode as a share of the optimum; of a bandit, whose trial is one
/// episode, also its score (r - random) / (UCB - random). `found` is the share of the first trials in which there was a
/// reward before the last episode, `last_episode_where_found` the return of that episode in these alone: what is lacking
/// is looked for in searching, or in going back.
package struct TrialsBenchmark {
    private let context: ExperimentContext
    private let seconds: Double
    private let trials: Int
    /// Tasks of each group that are played, and copies of each.
    private let mostTasks: Int
    private let copies: Int
    private let temperatures: [Double]

    /// Trains for so many seconds, as the experiment says; the policy then lives so many trials in a row, with actions
    /// drawn at each of the temperatures.
    package init(
        _ experiment: Experiment, seconds: Double, trials: Int, mostTasks: Int, copies: Int, temperatures: [Double]
    ) throws {
        self.temperatures = temperatures
        context = try ExperimentContext(experiment: experiment, folder: "")
        self.seconds = seconds
        self.trials = trials
        self.mostTasks = mostTasks
        self.copies = copies
    }

    private var tasks: any TaskDistribution { context.distribution }
    private var episodesPerTrial: Int { tasks.environment.episodesPerTrial }

    /// One result for each group. Throws `SourceAlgorithmError`, `EnvironmentError` or `EnvironmentFailure`, and what
    /// `monitor.mayGoOn` throws.
    package func run(_ monitor: BenchmarkMonitor) throws -> [BenchmarkResult] {
        let experiment = context.experiment
        guard let first = tasks.ids(of: .train).first else { throw EnvironmentError("there is no train task") }
        let lifetime = try LocalLifetime(
            algorithm: experiment.source, tasks: tasks, task: try tasks.task(first), repetition: 0,
            seed: experiment.seed, actors: experiment.collect.actors)
        let (steps, spent) = try train(lifetime, monitor)
        // What trials are drawn from is the environment's own group `train`.
        let groups = tasks.groups.filter { $0 != TrialsTasks.drawn }
        return try temperatures.flatMap { temperature in groups.map { (temperature, $0) } }.map { temperature, group in
            BenchmarkResult(
                name: temperatures.count > 1 ? "\(group), temperature \(temperature)" : group,
                configuration: [
                    "temperature": .number(temperature),
                    "environment": .text(tasks.environment.json), "actors": .init(experiment.collect.actors),
                    "episodes_per_trial": .init(episodesPerTrial), "trials": .init(trials), "copies": .init(copies),
                ], rates: [.environmentSteps: [Double(steps) / spent]],
                measured: try play(group, lifetime.learner, temperature).merging(
                    ["transitions": Double(steps), "seconds": spent]
                ) { one, _ in one })
        }
    }

    private func train(_ lifetime: LocalLifetime, _ monitor: BenchmarkMonitor) throws -> (steps: Int, seconds: Double) {
        let begin = monotonicSeconds()
        var steps = 0
        var (sum, episodes) = (0.0, 0)
        var returns = EpisodeReturns()
        var said = 0.0
        while true {
            let round = try lifetime.collect(episodeLimit: .max)
            steps += round.reduce(0) { $0 + $1.rowCount }
            for episode in returns.add(round, tasks.environment.rolloutLayout) {
                sum += episode.totalReward
                episodes += 1
            }
            _ = try lifetime.learn(from: round)
            try monitor.mayGoOn()
            let spent = monotonicSeconds() - begin
            if spent - said >= 30 {
                said = spent
                monitor.say("\(Int(spent)) s, \(steps) transitions, mean return \(sum / Double(max(1, episodes)))")
                (sum, episodes) = (0, 0)
            }
            guard spent < seconds else { return (steps, spent) }
        }
    }

    /// What the policy gets on the tasks of a group.
    private func play(
        _ group: String, _ learner: any SourceLearner, _ temperature: Double
    ) throws -> [String: Double] {
        let ids = Array(try tasks.ids(in: group).prefix(mostTasks))
        guard !ids.isEmpty else { return [:] }
        var byEpisode = [Double](repeating: 0, count: episodesPerTrial * trials)
        var (optimum, random, best) = (0.0, 0.0, 0.0)
        var lastWhereFound: [Double] = []
        for id in ids {
            let task = try tasks.task(id)
            let references = tasks.references(of: task)
            optimum += (references.optimum ?? .nan) / Double(ids.count)
            random += (references.random ?? .nan) / Double(ids.count)
            let actor = try context.experiment.source.makeActor(environment: tasks.environment, keys: keys(id))
            try actor.setTemperature(temperature)
            try learner.withActingParameters { try actor.load(parameters: $0) }
            for copy in try live(actor, on: task) {
                for (episode, total) in copy.enumerated() { byEpisode[episode] += total / Double(ids.count * copies) }
                let trial = copy.prefix(episodesPerTrial)
                if trial.dropLast().contains(where: { $0 > 0 }) { lastWhereFound.append(trial[episodesPerTrial - 1]) }
            }
            if episodesPerTrial == 1 {
                let ucb = try SourceAlgorithm(RegisteredSourceAlgorithm(UCB.self)).makeActor(
                    environment: tasks.environment, keys: keys(id))
                best += try live(ucb, on: task).reduce(0) { $0 + $1[0] } / Double(ids.count * copies)
            }
        }
        let last = byEpisode[episodesPerTrial - 1]
        let half = byEpisode[(episodesPerTrial / 2)..<episodesPerTrial]
        var measured = [
            "tasks": Double(ids.count), "first_episode": byEpisode[0], "last_episode": last,
            "second_half": half.reduce(0, +) / Double(half.count), "last_of_all_trials": byEpisode[byEpisode.count - 1],
            "optimum": optimum, "share_of_optimum": last / optimum, "random": random,
        ]
        for (episode, total) in byEpisode.prefix(episodesPerTrial).enumerated() {
            measured["episode_\(episode < 9 ? "0" : "")\(episode + 1)"] = total
        }
        if episodesPerTrial > 1 {
            measured["found"] = Double(lastWhereFound.count) / Double(ids.count * copies)
            measured["last_episode_where_found"] =
                lastWhereFound.reduce(0, +) / Double(max(1, lastWhereFound.count))
        }
        if episodesPerTrial == 1 {
            measured["ucb"] = best
            measured["score"] = (byEpisode[0] - random) / (best - random)
        }
        return measured
    }

    private func keys(_ task: Int) -> [StreamKey] {
        (0..<copies).map {
            StreamKey(
                collection: .evaluation("trials"), seed: context.experiment.seed, task: task, repetition: 0, actor: $0)
        }
    }

    /// Returns of each copy's episodes.
    private func live(_ actor: any SourceActor, on task: Task) throws -> [[Double]] {
        let keys = keys(task.id)
        let collector = try RolloutCollector(
            environment: try tasks.makeEnvironment(task: task, keys: keys), view: try tasks.view(of: task),
            actor: actor, lifetime: LifetimeIdentifier(task: task.id, repetition: 0),
            positions: keys.indices.map { ActorPosition(actor: $0) })
        var returns = EpisodeReturns()
        let episodes = episodesPerTrial * trials
        var totals = [[Double]](repeating: [Double](repeating: 0, count: episodes), count: copies)
        while !collector.isDone {
            let batch = try collector.collect(
                length: context.needs.rolloutLength, policyVersion: 0, episodeLimit: UInt64(episodes))
            for episode in returns.add([batch], tasks.environment.rolloutLayout) {
                totals[episode.actor][Int(episode.episode)] = episode.totalReward
            }
        }
        return totals
    }
}
