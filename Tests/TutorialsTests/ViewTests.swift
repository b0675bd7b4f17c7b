import Agents
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Settings
import Simulation
import TestSupport
import Testing
import Toys

/// Both corridors, for a test in a process of its own.
private func register() {
    RegisteredEnvironment.registry.add(RegisteredEnvironment(CorridorTasks.self))
    RegisteredEnvironment.registry.add(RegisteredEnvironment(PosedCorridorTasks.self))
}

private func experiment(on environment: String) -> String {
    """
    name: poses
    environment: {name: \(environment), length: 6, horizon: 9}
    tasks: {test: 2, train: 3}
    source: {rollout_length: 6, hidden: [8]}
    collect: {actors: 3, test_lifetimes: 0, synchronization: lockstep, end: {episodes_per_actor: 40}}
    cluster: {learners: 1, actor_processes: 2}
    distil:
      training: {steps: 12, batch_size: 4, checkpoint_every: 5}
      model: {context_length: 8, dimension: 8, heads: 1, layers: 1, feed_forward: 8}
    evaluate: {train_tasks: 1, seeds: 2, episodes: 5}
    """
}

@Suite("An environment that stores something else than what is seen")
struct ViewTests {
    @Test("is learnt from, distilled and evaluated as its twin that stores what is seen, to the last bit")
    func twins() async {
        await #expect(processExitsWith: .success) {
            register()
            let seen = try finishedRun(experiment(on: "corridor"), seed: 4)
            let posed = try finishedRun(experiment(on: "posed-corridor"), seed: 4)
            let (theirs, ours) = (try seen.dataset(), try posed.dataset())
            #expect(theirs.count == 19 && Set(theirs.keys) == Set(ours.keys))
            for (name, stream) in theirs {
                let twin = try #require(ours[name])
                for column in [RolloutColumn.actions, .rewards, .terminations, .truncations] {
                    #expect(stream.rows[column] == twin.rows[column], "\(name): \(column.name)")
                }
                #expect(twin.rows[.observations].count == 8 * stream.rows[.observations].count)
            }
            // Of the frozen model: what it was taught and what it saw were the same.
            #expect(!seen.journal.returns.isEmpty && seen.journal.returns == posed.journal.returns)
        }
    }

    @Test("has a dataset of another name in its files, and is replayed from it") func files() async {
        await #expect(processExitsWith: .success) {
            register()
            let run = try finishedRun(experiment(on: "posed-corridor"), seed: 5)
            let path = try #require(StreamFolder(path: run.folder).files.first)
            let contents = try StreamContents(path: path)
            let environment = contents.metadata.environment
            #expect(environment.stored.name == "states" && environment.observationSpace == .discrete(count: 6))
            #expect(environment.hasView && environment.rolloutLayout.width(of: .observations) == 8)
            #expect(StreamReplay(path: path).isSound && StreamReplay(path: path).transitions > 0)
            #expect(StreamVerification(path: path).isSound)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(bytes.range(of: Data("final_states".utf8)) != nil)
            #expect(bytes.range(of: Data("observations".utf8)) == nil)
        }
    }

    @Test("a file that claims other spaces than its environment has is refused before anything is read by them")
    func claims() throws {
        let claimed = EnvironmentDescription(
            name: "dark-room", observationSpace: .multiDiscrete(counts: [9, 9]),
            stored: StoredObservation(name: "states", space: .discrete(count: 200)), actionSpace: .discrete(count: 5),
            horizon: 20, json: "{}")
        let metadata = StreamMetadata(
            softwareVersion: "0", environment: claimed, task: Task(id: 0, split: .train, json: "{\"goal\":[0,0]}"),
            repetition: 0, sourceAlgorithm: "a3c", sourceJSON: "{}", actor: 0, seed: 0)
        #expect(claimed.hasView)
        #expect(throws: EnvironmentError.self) { try metadata.makeView() }
    }

    @Test(
        "a name that no dataset can have is none",
        arguments: ["", "rewards", "final_states", "Observations", "a/b", "_x", String(repeating: "a", count: 33)])
    func names(name: String) {
        #expect(StoredObservation(name: name, space: .discrete(count: 2)) == nil)
    }
}

/// A whole run on a simulated network, at its end and without a violation.
private func finishedRun(_ yaml: String, seed: UInt64) throws -> SimulatedCluster {
    let cluster = try SimulatedCluster(
        yaml: yaml, seed: seed, goal: .init(collects: true, distils: true, evaluates: true))
    try cluster.run(milliseconds: 600_000)
    let violations = try cluster.violations()
    #expect(violations.isEmpty, "\(violations.prefix(3))")
    try #require(cluster.isFinished && cluster.coordinator.failure.isEmpty, "\(cluster.coordinator.failure)")
    return cluster
}
