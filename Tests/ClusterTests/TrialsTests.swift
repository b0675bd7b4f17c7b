import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Simulation
import TestSupport
import Testing
import Wire

@Suite("RL2 on a simulated network") struct TrialsTests {
    private static let episodes = 3

    private static let lstm = "lstm: {units: 16, layers: 2}"
    private static let transformer = "transformer: {dimension: 16, layers: 2, heads: 2, feed_forward: 16}"

    /// Trials of three episodes of 4 steps, in rollouts of 5: a rollout's edge falls everywhere in a trial.
    private func experiment(lockstep: Bool, processes: Int = 2, _ network: String = Self.lstm) -> String {
        smallExperiment(
            lockstep: lockstep, actors: 4, processes: processes, episodes: 240, rolloutLength: 5, checkpointSeconds: 1,
            source: "\(network), learning_rate: 0.01"
        ).replacingOccurrences(
            of: "environment: {size: 3, horizon: 4}",
            with: "environment: {name: trials, of: {name: dark-room, size: 3, horizon: 4}, episodes: \(Self.episodes)}")
    }

    @Test(
        "the same lockstep experiment with 1 and with 4 actor processes gives the same streams",
        arguments: [lstm, transformer])
    func processCount(network: String) throws {
        let datasets = try [1, 4].map { processes in
            let cluster = try SimulatedCluster(
                yaml: experiment(lockstep: true, processes: processes, network), seed: testSeed())
            try cluster.run(milliseconds: patienceMilliseconds)
            return try cluster.dataset()
        }
        #expect(datasets[0].count == 4)
        #expect(datasets[0] == datasets[1])
    }

    @Test(
        "killed learners and actors leave the datasets of an undisturbed run, in lockstep",
        arguments: [lstm, transformer])
    func killed(network: String) throws {
        let seed = testSeed()
        let yaml = experiment(lockstep: true, network).replacingOccurrences(of: "actor: 240", with: "actor: 1500")
        let undisturbed = try SimulatedCluster(yaml: yaml, seed: seed)
        try undisturbed.run(milliseconds: patienceMilliseconds)
        try undisturbed.checkEnd(seed)
        let cluster = try SimulatedCluster(yaml: yaml, seed: seed)
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: cluster.folder + "/checkpoints/learner"))
        let task = try #require(cluster.context.experiment.trainTasks(of: cluster.context.distribution).first)
        var wentOnFrom: [UInt64] = []
        for _ in 0..<3 {
            try cluster.run(milliseconds: patienceMilliseconds) { _ in
                store.size(of: LifetimeIdentifier(task: task, repetition: 0)) > 0
            }
            var versions: [UInt64] = []
            for name in cluster.names(.learner) + cluster.names(.actor).prefix(1) { cluster.kill(name) }
            cluster.onSend = { bytes, sender in
                guard sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: bytes),
                    case .rolloutAnswer(let answer) = envelope.message
                else { return }
                versions.append(answer.version)
            }
            try cluster.run(milliseconds: patienceMilliseconds) { _ in !versions.isEmpty }
            wentOnFrom.append(try #require(versions.first))
            // Long enough for a state of the next learner's own.
            try cluster.run(milliseconds: 2500)
        }
        #expect(!cluster.isFinished && wentOnFrom.allSatisfy { $0 > 0 }, "\(wentOnFrom)")
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        #expect(try cluster.dataset() == undisturbed.dataset())
    }

    @Test("asynchronous streams survive their learner and their actors")
    func asynchronous() throws {
        let seed = testSeed()
        let cluster = try SimulatedCluster(yaml: experiment(lockstep: false), seed: seed)
        for wait in [1500, 2500] as [UInt64] {
            try cluster.run(milliseconds: wait)
            for name in cluster.names(.learner) + cluster.names(.actor).prefix(1) { cluster.kill(name) }
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        // A death may cut the episode that a stream is in, and that one counts towards the limit.
        for (_, content) in try cluster.dataset() { #expect(content.rewards > (240 - 3) * 4) }
    }
}
