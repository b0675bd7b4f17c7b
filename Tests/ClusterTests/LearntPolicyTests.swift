import Coordination
import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Nodes
import Simulation
import TestSupport
import Testing
import Wire

@Suite("What RL2 has learnt, on its way to the evaluators") struct LearntPolicyTests {
    private static let goal = Coordinator.Goal(collects: true, distils: true, evaluates: true)

    private func experiment(lockstep: Bool, episodes: Int = 240) -> String {
        smallExperiment(
            lockstep: lockstep, actors: 4, processes: 2, episodes: episodes, rolloutLength: 5, checkpointSeconds: 1,
            source: "lstm: {units: 16, layers: 1}, learning_rate: 0.01"
        ).replacingOccurrences(
            of: "environment: {size: 3, horizon: 4}",
            with: "environment: {name: trials, of: {name: dark-room, size: 3, horizon: 4}, episodes: 3}"
        ).replacingOccurrences(of: "tasks: {test: 1, train: 1}", with: "tasks: {test: 2}")
            .replacingOccurrences(of: "distil:\n", with: "distil:\n  seeds: 0\n")
            .replacingOccurrences(of: "evaluate: {train_tasks: 1, ", with: "evaluate: {") + """

                evaluations:
                  - {name: test, policies: [rl2, random]}
                  - {name: in-a-row, policies: [rl2], episodes: 9, seeds: 1}
                  - {name: drawn, tasks: drawn, limit: 3, policies: [rl2]}
                """
    }

    private func finished(_ cluster: SimulatedCluster, _ seed: UInt64) throws -> SimulatedCluster {
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        return cluster
    }

    private func checkpoint(_ cluster: SimulatedCluster) throws -> Checkpoint {
        let store = CheckpointStore(folder: URL(fileURLWithPath: cluster.folder + "/checkpoints/learner/rl2"))
        #expect(store.names.count == 1, "\(store.names)")
        return try Checkpoint(folder: store.folder.appendingPathComponent(try #require(store.latest)))
    }

    @Test("its evaluations are of held-out and drawn tasks, and their streams say what acted") func evaluated() throws {
        let cluster = try finished(
            SimulatedCluster(yaml: experiment(lockstep: true), seed: 1, goal: Self.goal), 1)
        let policy = try LearntPolicyCheckpoint(try checkpoint(cluster))
        #expect(policy.version > 100)
        let counts = Dictionary(grouping: cluster.journal.returns, by: \.key.evaluation).mapValues(\.count)
        #expect(counts == ["rl2-test": 2, "random-test": 2, "rl2-in-a-row": 2, "rl2-drawn": 3])
        #expect(cluster.names(.distiller).isEmpty)
        for (job, returns) in cluster.journal.returns where job.evaluation.hasPrefix("rl2-") {
            let stream = StreamIdentifier(
                lifetime: LifetimeIdentifier(
                    collection: .evaluation(job.evaluation), task: job.task, repetition: 0), actor: 0)
            let contents = try StreamContents(path: "\(cluster.folder)/\(stream.path)")
            let found = contents.episodes.compactMap(\.episodeReturn).map { Float($0) }
            #expect(found == Array(returns.prefix(found.count)) && found.count >= 3)
            #expect(contents.metadata.sourceAlgorithm == "rl2")
            #expect(contents.metadata.evaluation?.checkpoint?.hasPrefix("rl2/step-") == true)
            #expect(contents.rollouts.allSatisfy { $0.policyVersion == policy.version })
        }
    }

    /// Kills at the worst moments, and looks at what is left.
    private func disturbed(lockstep: Bool, _ seed: UInt64) throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(yaml: experiment(lockstep: lockstep), seed: seed, goal: Self.goal)
        var pieces = 0
        cluster.onSend = { bytes, sender in
            guard sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: bytes),
                case .checkpointPiece(let piece) = envelope.message, piece.checkpoint.hasPrefix("rl2/")
            else { return }
            pieces += 1
        }
        // After the last update, with a part of the policy on its way; then with all of it stored and its end not told.
        try cluster.run(milliseconds: patienceMilliseconds) { _ in pieces > 0 }
        for name in cluster.names(.learner) { cluster.kill(name) }
        let before = pieces
        try cluster.run(milliseconds: patienceMilliseconds) { _ in pieces > before + 1 }
        cluster.kill(SimulatedCluster.coordinatorName)
        try cluster.run(milliseconds: patienceMilliseconds) { $0.isCoordinatorAtWork && $0.phase == .evaluating }
        #expect(pieces > before + 2)
        for _ in 0..<2 {
            let results = cluster.journal.returns.count
            try cluster.run(milliseconds: patienceMilliseconds) { cluster in
                cluster.journal.returns.count > results
                    || cluster.acknowledged.contains { $0.key.lifetime.collection != .histories }
            }
            for name in cluster.names(.evaluator) { cluster.kill(name) }
        }
        cluster.kill(SimulatedCluster.coordinatorName)
        return try finished(cluster, seed)
    }

    @Test("killed learners, coordinators and evaluators leave an undisturbed run's policy, streams and results")
    func killed() throws {
        let seed = testSeed()
        let undisturbed = try finished(
            SimulatedCluster(yaml: experiment(lockstep: true), seed: seed, goal: Self.goal), seed)
        let cluster = try disturbed(lockstep: true, seed)
        #expect(try checkpoint(cluster) == checkpoint(undisturbed))
        #expect(try cluster.dataset() == undisturbed.dataset())
        #expect(cluster.journal.returns == undisturbed.journal.returns)
    }

    @Test("asynchronously, what is evaluated is what lies there") func asynchronous() throws {
        let seed = testSeed()
        let cluster = try disturbed(lockstep: false, seed)
        let again = try SimulatedCluster(
            yaml: experiment(lockstep: false), seed: 0,
            goal: Coordinator.Goal(collects: false, distils: false, evaluates: true),
            prepare: { copy in
                try FileManager.default.copyItem(
                    atPath: cluster.folder + "/checkpoints", toPath: copy + "/checkpoints")
            })
        #expect(try finished(again, seed).journal.returns == cluster.journal.returns)
    }

    @Test("an end that is told before the policy is stored does not count: the lifetime is taken up again")
    func endWithoutPolicy() throws {
        let seed = testSeed()
        let cluster = try SimulatedCluster(yaml: experiment(lockstep: true), seed: seed, goal: Self.goal)
        var lies = 0
        // The network tells the learner that its policy is stored, and no piece of it arrives.
        cluster.tamper = { item, sender in
            guard lies < 4, sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: item.bytes),
                case .checkpointPiece = envelope.message
            else { return [item] }
            lies += 1
            let answer = Envelope(.acknowledgement, request: envelope.request).encoded()
            cluster.network.send(answer, from: SimulatedCluster.coordinatorName, to: sender)
            return []
        }
        let undisturbed = try finished(
            SimulatedCluster(yaml: experiment(lockstep: true), seed: seed, goal: Self.goal), seed)
        #expect(try finished(cluster, seed).dataset() == undisturbed.dataset())
        #expect(lies == 4)
        #expect(try checkpoint(cluster) == checkpoint(undisturbed))
    }

    @Test("a run whose policy was removed after its end says so, by the policy's folder") func removed() throws {
        let cluster = try SimulatedCluster(yaml: experiment(lockstep: true), seed: 1, goal: Self.goal)
        try cluster.run(milliseconds: patienceMilliseconds) { $0.phase == .evaluating }
        cluster.killEverything()
        try FileManager.default.removeItem(atPath: cluster.folder + "/checkpoints/learner/rl2")
        try cluster.run(milliseconds: patienceMilliseconds)
        #expect(cluster.coordinator.failure.contains("checkpoints/learner/rl2"), "\(cluster.coordinator.failure)")
    }

    @Test("a catalogue that is remade from the files does not call a lifetime ended that has left no policy")
    func indexed() throws {
        let seed = testSeed()
        let cluster = try SimulatedCluster(yaml: experiment(lockstep: true), seed: seed, goal: Self.goal)
        var hasPieces = false
        cluster.tamper = { item, sender in
            guard let envelope = try? Envelope(decoding: item.bytes), case .checkpointPiece = envelope.message,
                sender.hasPrefix("learner"), !hasPieces
            else { return [item] }
            return []
        }
        // All its streams are sealed by then.
        try cluster.run(milliseconds: patienceMilliseconds) { $0.journal.sealed.count == 4 }
        #expect(cluster.phase == .collecting)
        hasPieces = true
        try cluster.killAndIndex(catalogueIsLost: true)
        let undisturbed = try finished(
            SimulatedCluster(yaml: experiment(lockstep: true), seed: seed, goal: Self.goal), seed)
        #expect(try finished(cluster, seed).dataset() == undisturbed.dataset())
        #expect(try checkpoint(cluster) == checkpoint(undisturbed))
    }

    @Test("a policy is taken of the learner that has its lifetime, and of nobody else") func strangers() throws {
        let cluster = try SimulatedCluster(yaml: experiment(lockstep: true), seed: 1, goal: Self.goal)
        try cluster.run(milliseconds: 1000)
        let content = Array("{}".utf8)
        let piece = CheckpointPiece(
            checkpoint: "rl2/step-00000001", file: Checkpoint.modelFile, offset: 0, size: 2,
            checksum: content.withUnsafeBytes { CRC32C.of($0) }, content: content, last: false)
        let before = cluster.coordinator.refusedMessages
        let senders = [try #require(cluster.names(.actor).first), try #require(cluster.names(.recorder).first)]
        for sender in senders {
            cluster.inject(.checkpointPiece(piece), from: sender, to: SimulatedCluster.coordinatorName)
        }
        try cluster.run(milliseconds: 300)
        #expect(cluster.coordinator.refusedMessages == before + 2)
        #expect(!FileManager.default.fileExists(atPath: cluster.folder + "/checkpoints/learner/rl2"))
    }
}
