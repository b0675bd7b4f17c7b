package import Environments

/// Source algorithms timed in one process on one thread, without a network between actors and learner.
package enum SourceBenchmark {
    package struct Measurement: Hashable, Sendable {
        package let environmentSteps: Int
        package let updates: Int
        package let seconds: Double
        package var environmentStepsPerSecond: Double { Double(environmentSteps) / seconds }
    }

    /// Acting alone: `actors` environments, `steps` steps each, under the initial parameters.
    package static func acting(
        algorithm: SourceAlgorithm, tasks: any TaskDistribution, task: Task, actors: Int, steps: Int
    ) throws -> Measurement {
        try measure(
            algorithm, tasks, task, actors: actors, rollouts: max(1, steps / algorithm.rolloutLength), learns: false)
    }

    /// Acting and learning in lockstep: `updates` updates on rollouts of `actors` environments.
    package static func collecting(
        algorithm: SourceAlgorithm, tasks: any TaskDistribution, task: Task, actors: Int, updates: Int
    ) throws -> Measurement {
        try measure(algorithm, tasks, task, actors: actors, rollouts: updates, learns: true)
    }

    private static func measure(
        _ algorithm: SourceAlgorithm, _ tasks: any TaskDistribution, _ task: Task, actors: Int, rollouts: Int,
        learns: Bool
    ) throws -> Measurement {
        let lifetime = try LocalLifetime(
            algorithm: algorithm, tasks: tasks, task: task, repetition: 0, seed: 0, actors: actors)
        var steps = 0
        let clock = ContinuousClock()
        let start = clock.now
        for _ in 0..<rollouts {
            let batches = lifetime.collect(episodeLimit: .max)
            steps += batches.reduce(0) { $0 + $1.rowCount }
            if learns { _ = try lifetime.learn(from: batches) }
        }
        let seconds = (clock.now - start) / .seconds(1)
        return Measurement(environmentSteps: steps, updates: learns ? rollouts : 0, seconds: seconds)
    }
}
