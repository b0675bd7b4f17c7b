package import Environments
import Experience
import Settings

/// An environment of the registry stepped alone, on one thread: no policy, no rollouts, no recording.
///
/// A step of all copies is what an actor asks for: what each shows, written into a buffer (copies, observation bytes);
/// a step with actions that are given; and for each copy whose episode ended, its final observation and its reset.
package struct EnvironmentBenchmark {
    /// With its default settings, and the first task to train on.
    package let environment: RegisteredEnvironment
    /// Copies that step together, B.
    package let copies: Int

    package init(_ environment: RegisteredEnvironment, copies: Int) {
        self.environment = environment
        self.copies = copies
    }

    /// Steps of all copies that one repetition's unit has, each with random actions of its own.
    private static let rounds = 64

    /// One result, named after the environment. Throws what the environment or `plan` throws.
    package func run(_ plan: BenchmarkPlan) throws -> BenchmarkResult {
        let tasks = try EnvironmentSettings(environment).makeTasks(split: TaskSplit())
        var copies = try SteppedCopies(of: tasks, count: copies, rounds: Self.rounds)
        let calls = try plan.warmUp { try copies.takeRounds() }
        let rates = try plan.repeated {
            let seconds = try secondsTaken { for _ in 0..<calls { try copies.takeRounds() } }
            return Double(calls * Self.rounds * self.copies) / seconds
        }
        try plan.progress("\(environment.name): \(Int(rates.median)) environment steps a second")
        return BenchmarkResult(
            name: environment.name, configuration: ["batch": .init(self.copies), "threads": 1],
            rates: [.environmentSteps: rates])
    }
}

/// Copies of an environment with memory for all that they take and give.
struct SteppedCopies {
    private var environment: any Environment
    private let rounds: Int
    private let layout: RolloutLayout
    /// (copies) of each column, but for actions, (rounds, copies), and one final observation.
    private let memory: RolloutBlock
    private var episodes: [UInt64]

    init(of tasks: any TaskDistribution, count: Int, rounds: Int) throws {
        let keys = (0..<count).map { StreamKey(seed: 0, task: 0, repetition: 0, actor: $0) }
        let task = try tasks.task(tasks.ids(of: .train).first ?? 0)
        environment = try tasks.makeEnvironment(task: task, keys: keys)
        self.rounds = rounds
        let layout = tasks.environment.rolloutLayout
        self.layout = layout
        memory = RolloutBlock { layout.width(of: $0) * ($0 == .actions ? rounds * count : count) }
        episodes = Array(repeating: 0, count: count)
        let actions = try randomActions(rounds * count, of: tasks.environment)
        memory[.actions].copyMemory(from: actions, byteCount: actions.count)
        for index in 0..<count { try environment.reset(index, episode: 0) }
    }

    mutating func takeRounds() throws {
        for round in 0..<rounds {
            environment.observe(into: memory[.observations])
            try step(actions: memory[.actions] + round * episodes.count * layout.width(of: .actions))
        }
    }

    /// (rounds, copies) stored observations.
    mutating func observationsOfRounds() throws -> [UInt8] {
        let width = layout.width(of: .observations) * episodes.count
        var observations: [UInt8] = []
        for round in 0..<rounds {
            environment.observe(into: memory[.observations])
            observations += UnsafeRawBufferPointer(start: memory[.observations], count: width)
            try step(actions: memory[.actions] + round * episodes.count * layout.width(of: .actions))
        }
        return observations
    }

    private mutating func step(actions: UnsafeRawPointer) throws {
        let terminations = memory[.terminations].assumingMemoryBound(to: UInt8.self)
        let truncations = memory[.truncations].assumingMemoryBound(to: UInt8.self)
        try environment.step(
            actions: actions, rewards: memory[.rewards].assumingMemoryBound(to: Float.self),
            terminations: terminations, truncations: truncations)
        for index in episodes.indices where terminations[index] | truncations[index] != 0 {
            environment.observe(index, into: memory[.finalObservations])
            episodes[index] += 1
            try environment.reset(index, episode: episodes[index])
        }
    }
}

/// Uniformly random actions as streams store them. Throws for an environment whose actions are not one integer.
private func randomActions(_ count: Int, of environment: EnvironmentDescription) throws -> [UInt8] {
    guard case .discrete(let choices) = environment.actionSpace else {
        throw EnvironmentError("\(environment.name) has actions of \(environment.actionSpace), expected one integer")
    }
    var numbers = PhiloxSequence(Philox(key0: 0, key1: 0), purpose: .other)
    return (0..<count).flatMap { _ in
        let action = numbers.next().multipliedFullWidth(by: UInt64(choices)).high
        return (0..<environment.actionSpace.byteCount).map { UInt8(truncatingIfNeeded: action >> (8 * UInt64($0))) }
    }
}
