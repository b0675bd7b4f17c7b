import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

@Suite("What a learner of DQN(Q-lambda) notes of what its actors remember")
struct QLambdaTraceTests {
    private let environment = EnvironmentDescription(
        name: "imagined", observationSpace: .multiDiscrete(counts: [4, 3]), actionSpace: .discrete(count: 3),
        horizon: 10,
        json: "{}", episodesPerTrial: 2)

    private func learner() throws -> QLambdaLearner {
        var settings = QLambdaSettings()
        settings.lstm = ActionValueMemorySettings(units: 16, layers: 2)
        (settings.sequenceLength, settings.overlap, settings.rolloutLength) = (6, 4, 2)
        (settings.batchSequences, settings.replayShare, settings.replayTransitions) = (3, 0.5, 400)
        (settings.learningRate, settings.targetInterval) = (1e-2, 3)
        return try QLambdaLearner(
            settings: settings, scene: Scene(environment: environment), seed: 3, task: 1, repetition: 0)
    }

    /// What comes before an actor's next row, in Double.
    private struct Known {
        var incarnation: UInt64
        var sequence: UInt64
        var state: [Double]
        var action: Int?
        var reward = 0.0
        var begins = true
    }

    private struct Rollout {
        var actor: Int
        var incarnation: UInt64
        var sequence: UInt64
        var episode: UInt64
        var rows: [ReferenceActorCritic.Row]
        var isLast = false
    }

    /// Streams of four actors, of rollouts of 0 to 7 rows, some of which are lost; some actors come back as others.
    private struct Streams {
        var at = (0..<4).map { Rollout(actor: $0, incarnation: 0, sequence: 0, episode: 0, rows: []) }

        mutating func next(_ actor: Int, _ numbers: inout Numbers) -> Rollout? {
            if Int.random(in: 0..<12, using: &numbers) == 0 {
                at[actor].incarnation += 2
                at[actor].sequence = 0
                // Streams are taken up at a trial's begin.
                at[actor].episode += 2 - at[actor].episode % 2
            }
            var rollout = at[actor]
            let length = Int.random(in: 0...7, using: &numbers)
            rollout.rows = randomRollouts(components: [4, 3], actions: 3, lengths: [length], numbers: &numbers)[0]
            rollout.isLast = Int.random(in: 0..<25, using: &numbers) == 0
            at[actor].sequence += 1
            at[actor].episode += UInt64(rollout.rows.count(where: \.isEnd))
            if rollout.isLast {
                at[actor].incarnation += 1
                at[actor].sequence = 0
                at[actor].episode += at[actor].episode % 2
            }
            return Int.random(in: 0..<10, using: &numbers) == 0 ? nil : rollout
        }
    }

    private func expected(
        _ rollouts: [Rollout], _ reference: ReferenceRecurrent, _ parameters: [Double], _ known: inout [Int: Known]
    ) {
        for rollout in rollouts {
            var now = Known(
                incarnation: rollout.incarnation, sequence: rollout.sequence, state: reference.zeroState, action: nil)
            let fresh = now
            if let before = known[rollout.actor], before.incarnation == rollout.incarnation,
                before.sequence == rollout.sequence
            {
                now = before
            }
            var episode = rollout.episode
            for row in rollout.rows {
                let (state, _) = reference.step(
                    parameters, now.state,
                    ReferenceRecurrent.Row(
                        components: row.components, previousAction: now.action, previousReward: now.reward,
                        beginsEpisode: now.begins, action: row.action, reward: row.reward))
                (now.state, now.action, now.reward, now.begins) = (state, row.action, row.reward, row.isEnd)
                if row.isEnd { episode += 1 }
                if row.isEnd, episode % 2 == 0 { now = fresh }
            }
            (now.incarnation, now.sequence) = (rollout.incarnation, rollout.sequence + 1)
            known[rollout.actor] = rollout.isLast ? nil : now
        }
    }

    @Test("through holes, lost rollouts, empty ones, several at once, ends of streams and new incarnations")
    func traced() throws {
        let seed = UInt32(truncatingIfNeeded: testSeed())
        var numbers = Numbers(seed: seed)
        let (learner, other) = (try learner(), try self.learner())
        var network = ActorCriticSettings()
        network.lstm = LSTMSettings(units: 16, layers: 2)
        let reference = ReferenceRecurrent(
            counts: [4, 3], actions: 3, settings: network, episodesPerTrial: 2, outputs: 3)
        var streams = Streams()
        var known: [Int: Known] = [:]
        var (holes, learnt) = (0, 0)
        for _ in 0..<60 {
            var rollouts: [Rollout] = []
            for actor in 0..<4 {
                for _ in 0..<Int.random(in: 0...3, using: &numbers) {
                    if let next = streams.next(actor, &numbers) { rollouts.append(next) } else { holes += 1 }
                }
            }
            let batches = rollouts.map {
                batch(
                    [$0.rows], actors: [$0.actor], incarnation: $0.incarnation, sequences: [$0.sequence],
                    episodes: [$0.episode], isLast: $0.isLast)
            }
            expected(rollouts, reference, learner.parameters.map(Double.init), &known)
            learnt += try learner.update(batches).learntRows
            _ = try other.update(batches.shuffled(using: &numbers))
            for actor in 0..<4 {
                let (found, known) = (learner.remembered(ofActor: actor), known[actor])
                #expect((found == nil) == (known == nil), "actor \(actor), seed \(seed)")
                guard let found, let known else { continue }
                for (one, another) in zip(found, known.state) {
                    #expect(abs(Double(one) - another) < 1e-4, "seed \(seed)")
                }
                #expect(found.suffix(3) == [Float(known.action ?? -1), Float(known.reward), known.begins ? 1 : 0])
            }
        }
        #expect(holes > 10 && learnt > 300, "seed \(seed)")
        #expect(learner.save() == other.save(), "the order in which batches come, seed \(seed)")
    }

    @Test("a checkpoint whose record of an actor is cut off, or of more actors than there are bytes, is refused")
    func cut() throws {
        var numbers = Numbers(seed: 5)
        let learner = try learner()
        let rollouts = randomRollouts(components: [4, 3], actions: 3, lengths: [9, 9, 9], numbers: &numbers)
        _ = try learner.update([batch(rollouts, actors: [0, 1, 2])])
        let content = Array(learner.save().dropLast(4))
        let start = 80 + 16 * learner.parameters.count
        let each = 24 + 4 * (4 * 16 + 3)
        func refuses(_ bytes: [UInt8]) {
            let checksum = bytes.withUnsafeBytes { CRC32C.of($0) }
            let sealed = bytes + withUnsafeBytes(of: checksum.littleEndian) { Array($0) }
            #expect(throws: SourceAlgorithmError.self) { try learner.restore(sealed) }
        }
        for length in (start - 1)...(start + 8 + 24) { refuses(Array(content.prefix(length))) }
        for rest in -4...12 { refuses(Array(content.prefix(start + 3 * each + rest))) }
        for count: UInt64 in [4, 1 << 20, 1 << 62, .max] {
            var bytes = content
            withUnsafeBytes(of: count.littleEndian) { bytes.replaceSubrange(start..<(start + 8), with: $0) }
            refuses(bytes)
        }
        // One actor twice.
        var bytes = content
        bytes.replaceSubrange((start + 8 + each)..<(start + 16 + each), with: [UInt8](repeating: 0, count: 8))
        refuses(bytes)
    }

    @Test("a learner that looks at no picture tells that it is at work, too")
    func progress() throws {
        var numbers = Numbers(seed: 6)
        let learner = try learner()
        var told = 0
        learner.onProgress = { told += 1 }
        let rollouts = randomRollouts(components: [4, 3], actions: 3, lengths: [40, 40], numbers: &numbers)
        let report = try learner.update([batch(rollouts, actors: [0, 1])])
        #expect(report.learntRows > 0 && told > 30)
    }
}
