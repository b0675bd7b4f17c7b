import Agents
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Settings
import Simulation
import TestSupport
import Testing
import Toys

/// What the tutorials add: one line each, at a program's start. Other tests know nothing of it, so that whoever calls this
/// does so in a process of its own.
private func register() {
    RegisteredEnvironment.registry.add(RegisteredEnvironment(CorridorTasks.self))
    RegisteredSourceAlgorithm.registry.add(RegisteredSourceAlgorithm(TabularQ.self))
}

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private let experiment = """
    name: tutorial
    environment: {name: corridor, length: 6, horizon: 9}
    tasks: {test: 2, train: 3}
    source: {algorithm: tabular-q, rollout_length: 6, learning_rate: 0.5}
    collect: {actors: 3, test_lifetimes: 0, synchronization: lockstep, end: {episodes_per_actor: 40}}
    cluster: {learners: 1, actor_processes: 2, learner_checkpoint_seconds: 1}
    distil:
      training: {steps: 12, batch_size: 4, checkpoint_every: 5}
      model: {context_length: 8, dimension: 8, heads: 1, layers: 1, feed_forward: 8}
    evaluate: {train_tasks: 1, seeds: 2, episodes: 5}
    """

/// The streams of a whole run on a simulated network, which are replayed on the way.
private func runWhole(_ yaml: String, seed: UInt64) throws {
    let cluster = try SimulatedCluster(
        yaml: yaml, seed: seed, goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
    try cluster.run(milliseconds: 600_000)
    let violations = try cluster.violations()
    #expect(violations.isEmpty, "\(violations.prefix(3))")
    #expect(cluster.isFinished && cluster.coordinator.failure.isEmpty, "\(cluster.coordinator.failure)")
    // Two held-out tasks, the same with the context cleared, one train task; two seeds of five episodes each.
    #expect(cluster.journal.returns.values.map(\.count) == Array(repeating: 10, count: 5))
    // The streams of three lifetimes of three actors, and those of the evaluations.
    #expect(try cluster.dataset().count == 3 * 3 + 5 * 2)
}

@Suite("What the tutorials add to the system")
struct TutorialTests {
    @Test(
        "is collected, replayed, distilled and evaluated as everything that comes with it is, in lockstep and without")
    func wholeRun() async {
        await #expect(processExitsWith: .success) {
            register()
            for seed in 1...3 as ClosedRange<UInt64> {
                try runWhole(experiment, seed: seed)
                try runWhole(experiment.replacingOccurrences(of: "lockstep", with: "asynchronous"), seed: seed)
            }
        }
    }

    @Test("learns: its later episodes reach the door more often than its first ones")
    func learns() throws {
        let tasks = try CorridorTasks(settings: CorridorSettings(), split: TaskSplit(testTasks: 2))
        var settings = TabularQSettings()
        settings.exploration = 0.2
        let algorithm = SourceAlgorithm(RegisteredSourceAlgorithm(TabularQ.self), settings: settings)
        let lifetime = try LocalLifetime(
            algorithm: algorithm, tasks: tasks, task: try tasks.task(6), repetition: 0, seed: 3, actors: 10)
        var returns = EpisodeReturns()
        var finished: [Double] = []
        while !lifetime.isDone {
            let batches = try lifetime.collect(episodeLimit: 60)
            finished += returns.add(batches, tasks.environment.rolloutLayout).map { Double($0.totalReward) }
            _ = try lifetime.learn(from: batches)
        }
        func mean(_ part: ArraySlice<Double>) -> Double { part.reduce(0, +) / Double(part.count) }
        #expect(mean(finished.prefix(100)) < 0.75 && mean(finished.suffix(100)) > 0.9)
    }

    @Test("goes on from what its learner has saved, and refuses what it has not")
    func saved() throws {
        let tasks = try CorridorTasks(settings: CorridorSettings(), split: TaskSplit(testTasks: 2))
        let algorithm = SourceAlgorithm(RegisteredSourceAlgorithm(TabularQ.self))
        func lifetime() throws -> LocalLifetime {
            try LocalLifetime(
                algorithm: algorithm, tasks: tasks, task: try tasks.task(1), repetition: 0, seed: 3, actors: 4)
        }
        let first = try lifetime()
        let second = try lifetime()
        for _ in 0..<20 { _ = try first.learn(from: first.collect(episodeLimit: .max)) }
        try second.learner.restore(first.learner.save())
        #expect(second.learner.version == 20 && second.learner.actingParameters == first.learner.actingParameters)
        var damaged = first.learner.save()
        damaged[10] ^= 1
        #expect(throws: SourceAlgorithmError.self) { try second.learner.restore(damaged) }
        #expect(throws: SourceAlgorithmError.self) { try second.learner.restore([]) }
    }

    @Test("a setting of its own is refused out of range, and one of another kind with that kind's name")
    func refused() async {
        await #expect(processExitsWith: .success) {
            register()
            func message(_ written: String, _ instead: String) -> String {
                let yaml = experiment.replacingOccurrences(of: written, with: instead)
                let error = #expect(throws: SettingsError.self) { try Experiment(yaml: yaml, file: "x.yaml") }
                return error?.description ?? ""
            }
            #expect(
                message("length: 6", "length: 1").contains("environment.length: expected integer, 2 to 256; 1 came"))
            #expect(
                message("length: 6", "size: 6").contains("corridor has no such key, only dark-room and dark-room-hard"))
            #expect(message("learning_rate: 0.5", "entropy: 0.5").contains("tabular-q has no such key, only a3c has"))
        }
    }

    @Test("the experiment that the page on environments runs is one") func experimentOfPage() async {
        await #expect(processExitsWith: .success) {
            register()
            let page = try String(
                contentsOf: root.appendingPathComponent("docs/add-an-environment.md"), encoding: .utf8)
            let yaml = try #require(
                page.components(separatedBy: "```yaml\n").last?.components(separatedBy: "```").first)
            #expect(try Experiment(yaml: yaml, file: "corridor.yaml").makeTasks().environment.name == "corridor")
        }
    }

    @Test(
        "the pages of docs have the code that is compiled here",
        arguments: [("add-an-environment", "Corridor"), ("add-a-source-algorithm", "TabularQ")])
    func pages(page: String, file: String) throws {
        let code = try String(contentsOf: root.appendingPathComponent("Tests/Toys/\(file).swift"), encoding: .utf8)
        let text = try String(contentsOf: root.appendingPathComponent("docs/\(page).md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```swift\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(blocks.count > 3)
        // One after the other, the page's pieces are the file.
        let shown = blocks.filter { !$0.hasPrefix("// Registry.swift") }
        #expect(shown.joined(separator: "\n") == code)
    }
}
