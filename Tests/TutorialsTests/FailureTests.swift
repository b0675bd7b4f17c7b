import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Settings
import Simulation
import Synchronization
import TestSupport
import Testing
import Toys

/// Steps that all copies of all brittle corridors have taken; nil where none breaks any more, as for a replay.
private let steps = Mutex<Int?>(0)

/// The corridor of the tutorial, which fails at every so many steps.
private struct BrittleCorridorTasks: EnvironmentKind {
    struct Settings: SettingsGroup {
        var length = 6
        var horizon = 9
        var stepsBeforeFailure = 100

        static let entries: [Entry<Settings>] = [
            .key("length", \.length, .integer(2...256), "Cells of the corridor."),
            .key("horizon", \.horizon, .integer(1...10_000), "Most steps of an episode."),
            .key(
                "steps_before_failure", \.stepsBeforeFailure, .integer(1...1_000_000),
                "Steps of all copies between two failures."),
        ]
    }

    static let name = "brittle-corridor"
    static let summary = "A corridor whose floor breaks now and then."

    let environment: EnvironmentDescription
    private let corridor: CorridorTasks
    private let stepsBeforeFailure: Int

    init(settings: Settings, split: TaskSplit) throws {
        var whole = CorridorSettings()
        (whole.length, whole.horizon) = (settings.length, settings.horizon)
        corridor = try CorridorTasks(settings: whole, split: split)
        stepsBeforeFailure = settings.stepsBeforeFailure
        environment = EnvironmentDescription(
            name: Self.name, observationSpace: corridor.environment.observationSpace,
            actionSpace: corridor.environment.actionSpace, horizon: settings.horizon, json: settings.json)
    }

    var count: Int { corridor.count }
    func ids(of split: Split) -> [Int] { corridor.ids(of: split) }
    func task(_ id: Int) throws -> Task { try corridor.task(id) }
    func references(of task: Task) -> ReferenceReturns { corridor.references(of: task) }

    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        BrittleCorridor(
            description: environment, stepsBeforeFailure: stepsBeforeFailure,
            corridor: try corridor.makeEnvironment(task: task, keys: keys))
    }
}

private struct BrittleCorridor: Environment {
    let description: EnvironmentDescription
    let stepsBeforeFailure: Int
    var corridor: any Environment

    var count: Int { corridor.count }
    mutating func reset(_ index: Int, episode: UInt64) throws { try corridor.reset(index, episode: episode) }
    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) { corridor.observe(index, into: observation) }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) throws {
        let isBroken = steps.withLock { steps in
            guard let before = steps else { return false }
            steps = before + 1
            return (before + 1) % stepsBeforeFailure == 0
        }
        if isBroken { throw EnvironmentFailure("the floor broke") }
        try corridor.step(actions: actions, rewards: rewards, terminations: terminations, truncations: truncations)
    }
}

private func experiment(stepsBeforeFailure: Int, synchronization: String, episodes: Int = 60) -> String {
    """
    name: brittle
    environment: {name: brittle-corridor, length: 6, horizon: 9, steps_before_failure: \(stepsBeforeFailure)}
    tasks: {test: 2, train: 3}
    source: {rollout_length: 6, hidden: [8]}
    collect: {actors: 4, test_lifetimes: 0, synchronization: \(synchronization), end: {episodes_per_actor: \(episodes)}}
    cluster: {learners: 1, actor_processes: 2, learner_checkpoint_seconds: 1}
    distil:
      training: {steps: 6, batch_size: 4, checkpoint_every: 5}
      model: {context_length: 8, dimension: 8, heads: 1, layers: 1, feed_forward: 8}
    evaluate: {train_tasks: 1, seeds: 2, episodes: 5}
    """
}

private func run(_ yaml: String, seed: UInt64) throws -> SimulatedCluster {
    RegisteredEnvironment.registry.add(RegisteredEnvironment(BrittleCorridorTasks.self))
    let cluster = try SimulatedCluster(
        yaml: yaml, seed: seed, goal: .init(collects: true, distils: true, evaluates: true))
    try cluster.run(milliseconds: 1_200_000)
    return cluster
}

@Suite("An environment that fails")
struct FailureTests {
    @Test("costs its actors the episode that they are in, and the run goes on") func goesOn() async {
        await #expect(processExitsWith: .success) { try goOn("asynchronous") }
        await #expect(processExitsWith: .success) { try goOn("lockstep") }
    }

    @Test("ends no run, however often it fails, where it has gone on for some seconds each time") func staysOn() async {
        await #expect(processExitsWith: .success) { try stayOn() }
    }

    @Test("ends the run with its own words where it fails again and again") func endsTheRun() async {
        await #expect(processExitsWith: .success) { try endTheRun("asynchronous") }
        await #expect(processExitsWith: .success) { try endTheRun("lockstep") }
    }
}

private func goOn(_ synchronization: String) throws {
    let cluster = try run(experiment(stepsBeforeFailure: 1500, synchronization: synchronization), seed: 3)
    #expect(steps.withLock { $0 ?? 0 } > 1500)
    steps.withLock { $0 = nil }
    let violations = try cluster.violations()
    #expect(violations.isEmpty, "\(violations.prefix(3))")
    #expect(cluster.isFinished && cluster.coordinator.failure.isEmpty, "\(cluster.coordinator.failure)")
    let incarnations = try StreamFolder(path: cluster.folder).files.map {
        Set(try StreamContents(path: $0).rollouts.map(\.incarnation)).count
    }
    // In lockstep what is lived again is the same, and the file goes on under one incarnation.
    #expect(incarnations.contains { $0 > 1 } == (synchronization == "asynchronous"))
}

/// More failures of each part than a row may have, with seconds of simulated time between them.
private func stayOn() throws {
    let stepsBeforeFailure = 10_000
    let yaml = experiment(stepsBeforeFailure: stepsBeforeFailure, synchronization: "asynchronous", episodes: 60_000)
        .replacingOccurrences(of: "train: 3", with: "train: 1")
    let cluster = try run(yaml, seed: 3)
    let failures = (steps.withLock { $0 ?? 0 }) / stepsBeforeFailure
    // Two processes carry the actors of the lifetime.
    #expect(failures > 2 * (Coordinator.refusalLimit + 1), "\(failures) in \(cluster.seconds) s")
    #expect(cluster.isFinished && cluster.coordinator.failure.isEmpty, "\(cluster.coordinator.failure)")
}

private func endTheRun(_ synchronization: String) throws {
    let cluster = try run(experiment(stepsBeforeFailure: 2, synchronization: synchronization), seed: 3)
    let failure = cluster.coordinator.failure
    #expect(failure.contains("failed 9 times") && failure.contains("the floor broke"), "\(failure)")
}
