import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

@Suite("The learner of DQN(Q-lambda)")
struct QLambdaLearnerTests {
    private func makeLearner(
        _ settings: QLambdaSettings, components: [Int] = [4, 3], actions: Int = 3, sharing: Bool = true
    ) throws -> QLambdaLearner {
        try QLambdaLearner(
            settings: settings, scene: Scene(environment: describe(components: components, actions: actions)), seed: 3,
            task: 1, repetition: 0, sharesEqualObservations: sharing)
    }

    /// Sequences of 6, a new one every 2, three in a batch.
    private func smallSettings() -> QLambdaSettings {
        var settings = QLambdaSettings()
        settings.hidden = [5, 7]
        settings.sequenceLength = 6
        settings.overlap = 4
        settings.rolloutLength = 2
        settings.batchSequences = 3
        settings.replayShare = 0
        settings.replayTransitions = 400
        settings.learningRate = 1e-2
        settings.targetInterval = 3
        return settings
    }

    /// `count` rollouts of random rows of `length`, one after the other in a stream.
    private func stream(_ count: Int, length: Int, numbers: inout Numbers) -> [[ReferenceActorCritic.Row]] {
        randomRollouts(
            components: [4, 3], actions: 3, lengths: [Int](repeating: length, count: count), numbers: &numbers)
    }

    struct Variant: Sendable, CustomTestStringConvertible {
        var activation = PerceptronNetwork.Activation.relu
        var lambda = 0.75
        var bootstraps = false
        var sharing = true
        var length = 6
        var overlap = 4
        var testDescription: String {
            "\(activation.rawValue), lambda \(lambda), bootstraps \(bootstraps), shares \(sharing), \(length) / \(overlap)"
        }
        static let all = [
            Variant(), Variant(activation: .tanh), Variant(lambda: 0), Variant(lambda: 1), Variant(bootstraps: true),
            Variant(activation: .tanh, lambda: 0.5, bootstraps: true, sharing: false), Variant(length: 7, overlap: 1),
            Variant(bootstraps: true, length: 2, overlap: 1), Variant(length: 9, overlap: 8),
        ]
    }

    @Test("the gradient is that of Peng's Q(lambda), by finite differences in Double", arguments: Variant.all)
    func gradient(variant: Variant) throws {
        var settings = smallSettings()
        settings.activation = variant.activation
        settings.lambda = variant.lambda
        settings.bootstrapsTruncation = variant.bootstraps
        settings.sequenceLength = variant.length
        settings.overlap = variant.overlap
        settings.batchSequences = 6
        var numbers = Numbers(seed: 41)
        let rollouts = (0..<3).map { _ in stream(1, length: 16, numbers: &numbers)[0] }
        let learner = try makeLearner(settings, sharing: variant.sharing)
        let (found, loss) = try #require(try learner.gradient([batch(rollouts, actors: [0, 1, 2])]))

        let reference = ReferenceQLambda(settings, components: [4, 3], actions: 3)
        let sequences = rollouts.flatMap { reference.sequences(reference.items($0)) }.prefix(6)
        #expect(sequences.count == 6)
        let parameters = learner.parameters.map(Double.init)
        let expected = reference.gradient(parameters, target: parameters, Array(sequences))
        for index in expected.indices {
            #expect(
                abs(Double(found[index]) - expected[index]) < 2e-6 + 1e-4 * abs(expected[index]), "parameter \(index)")
        }
        #expect(abs(loss - reference.objective(parameters, target: parameters, Array(sequences))) < 1e-5)
    }

    @Test("steps, draws from the replay, Adam, clipping and target network are those of a slow reference")
    func manySteps() throws {
        var settings = smallSettings()
        settings.replayShare = 0.5
        settings.gradientClip = 0.3
        settings.activation = .tanh
        var numbers = Numbers(seed: 42)
        let learner = try makeLearner(settings)
        let reference = ReferenceQLambda(settings, components: [4, 3], actions: 3)
        let streams = [stream(14, length: 2, numbers: &numbers), stream(14, length: 2, numbers: &numbers)]
        let philox = Philox(StreamKey(seed: 3, task: 1, repetition: 0, actor: 0))
        var parameters = learner.parameters.map(Double.init)
        var target = parameters
        var (first, second) = (parameters.map { _ in 0.0 }, parameters.map { _ in 0.0 })
        var whole: [[ReferenceQLambda.Item]] = []
        var known = [0, 0]
        var waiting: [[ReferenceQLambda.Item]] = []
        var steps = 0
        for round in 0..<14 {
            let report = try learner.update([
                batch(streams.map { $0[round] }, actors: [0, 1], sequences: [UInt64(round), UInt64(round)])
            ])
            #expect(report.version == UInt64(round + 1) && report.rows == 4)
            for actor in 0..<2 {
                let new = reference.sequences(reference.items(streams[actor][...round].flatMap { $0 }))
                whole += new[known[actor]...]
                waiting += new[known[actor]...]
                known[actor] = new.count
                // 1.5 of 3 from the replay on average.
                while waiting.count >= (steps % 2 == 0 ? 2 : 1) {
                    let fresh = steps % 2 == 0 ? 2 : 1
                    let drawn = (fresh..<3).map { index in
                        let word = philox.words(.windows, episode: UInt64(steps), step: UInt32(index)).x
                        return whole[Int((UInt64(word) * UInt64(whole.count)) >> 32)]
                    }
                    let gradient = reference.gradient(parameters, target: target, Array(waiting[..<fresh]) + drawn)
                    waiting.removeFirst(fresh)
                    steps += 1
                    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
                    for index in gradient.indices {
                        let slope = gradient[index] * min(1, 0.3 / (norm + 1e-6))
                        first[index] = 0.9 * first[index] + 0.1 * slope
                        second[index] = 0.999 * second[index] + 0.001 * slope * slope
                        let mean = first[index] / (1 - pow(0.9, Double(steps)))
                        let square = second[index] / (1 - pow(0.999, Double(steps)))
                        parameters[index] -= 1e-2 * mean / (square.squareRoot() + 1e-6)
                    }
                    if steps % 3 == 0 { target = parameters }
                }
            }
            let found = learner.parameters
            let difference = found.indices.map { abs(Double(found[$0]) - parameters[$0]) }.max() ?? .nan
            #expect(difference < 5e-4, "round \(round): \(difference)")
        }
        #expect(steps == 16)
    }

    @Test("an update depends on the rollouts alone, not on how batches divide or order them")
    func division() throws {
        var numbers = Numbers(seed: 43)
        let rounds = (0..<8).map { _ in stream(20, length: 9, numbers: &numbers) }
        var settings = QLambdaSettings()
        settings.explorationTransitions = 5000
        func saved(_ divide: (_ members: [Int]) -> [[Int]]) throws -> [UInt8] {
            let learner = try makeLearner(settings)
            for (round, rollouts) in rounds.enumerated() {
                let batches = divide(Array(0..<20)).map { members in
                    batch(
                        members.map { rollouts[$0] }, actors: members,
                        sequences: [UInt64](repeating: UInt64(round), count: members.count))
                }
                _ = try learner.update(batches)
            }
            return learner.save()
        }
        let whole = try saved { [$0] }
        #expect(try saved { [Array($0[..<7]), Array($0[7...])] } == whole)
        #expect(try saved { $0.reversed().map { [$0] } } == whole)
        #expect(try saved { _ in [Array((0..<19))] } != whole)
    }

    @Test(
        "a learner that was saved and restored at any update goes on with the same bits, as the replay fills and turns")
    func saving() throws {
        var settings = smallSettings()
        settings.replayShare = 0.7
        settings.replayTransitions = 80
        var numbers = Numbers(seed: 44)
        let streams = (0..<3).map { _ in stream(40, length: 2, numbers: &numbers) }
        func round(_ index: Int) -> RolloutBatch {
            batch(
                streams.map { $0[index] }, actors: [0, 1, 5], sequences: [UInt64](repeating: UInt64(index), count: 3))
        }
        let undisturbed = try makeLearner(settings)
        for index in 0..<40 { _ = try undisturbed.update([round(index)]) }
        let needs = try SourceAlgorithm.qLambda(settings).needs(
            environment: describe(components: [4, 3], actions: 3), actors: 3)
        #expect(undisturbed.save().count <= needs.largestSavedBytes)
        var learner = try makeLearner(settings)
        for index in 0..<40 {
            _ = try learner.update([round(index)])
            let other = try makeLearner(settings)
            try other.restore(learner.save())
            #expect(other.save() == learner.save() && other.version == UInt64(index + 1))
            #expect(other.actingParameters == learner.actingParameters)
            learner = other
        }
        #expect(learner.save() == undisturbed.save())
    }

    @Test("saved bytes that are damaged, or of a learner with other settings, are refused and change nothing")
    func damage() throws {
        var numbers = Numbers(seed: 45)
        let learner = try makeLearner(smallSettings())
        for index in 0..<9 {
            _ = try learner.update([
                batch(stream(1, length: 6, numbers: &numbers), actors: [0], sequences: [UInt64(index)])
            ])
        }
        let saved = learner.save()
        let other = try makeLearner(smallSettings())
        let before = other.save()
        for _ in 0..<200 {
            var damaged = saved
            damaged[Int.random(in: 0..<saved.count, using: &numbers)] ^= UInt8.random(in: 1...255, using: &numbers)
            #expect(throws: SourceAlgorithmError.self) { try other.restore(damaged) }
        }
        for count in [0, 3, 40, 64, 90, saved.count - 1] {
            #expect(throws: SourceAlgorithmError.self) { try other.restore(Array(saved.prefix(count))) }
        }
        #expect(other.save() == before)
        var settings = smallSettings()
        settings.overlap = 3
        #expect(throws: SourceAlgorithmError.self) { try makeLearner(settings).restore(saved) }
        settings = smallSettings()
        settings.replayTransitions = 500
        #expect(throws: SourceAlgorithmError.self) { try makeLearner(settings).restore(saved) }
        #expect(throws: SourceAlgorithmError.self) { try makeLearner(smallSettings(), actions: 4).restore(saved) }
        try other.restore(saved)
        #expect(other.save() == saved)
    }

    /// What a checksum does not find: numbers in their places that no learner can have.
    @Test("a replay that makes no sense is refused although its checksum holds")
    func nonsense() throws {
        var numbers = Numbers(seed: 46)
        let learner = try makeLearner(smallSettings())
        for index in 0..<9 {
            _ = try learner.update([
                batch(stream(1, length: 6, numbers: &numbers), actors: [0], sequences: [UInt64(index)])
            ])
        }
        let saved = learner.save()
        let other = try makeLearner(smallSettings())
        let replay = 80 + 16 * learner.parameters.count
        var refused = 0
        for _ in 0..<2000 {
            var damaged = saved
            damaged[Int.random(in: replay..<(saved.count - 4), using: &numbers)] = UInt8.random(
                in: 0...255, using: &numbers)
            let checksum = damaged.dropLast(4).withUnsafeBytes { CRC32C.of($0) }
            for byte in 0..<4 { damaged[saved.count - 4 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
            // Taken or refused, nothing traps, now or in the updates that follow.
            do {
                try other.restore(damaged)
                for index in 9..<12 {
                    _ = try other.update([
                        batch(stream(1, length: 6, numbers: &numbers), actors: [0], sequences: [UInt64(index)])
                    ])
                }
            } catch { refused += 1 }
        }
        #expect(refused > 500)
    }

    @Test("the row before a hole is not learnt from, and all others are, each counted once")
    func holes() throws {
        let settings = smallSettings()
        let row = ReferenceActorCritic.Row(components: [1, 2], action: 0, reward: 1)
        let learner = try makeLearner(settings)
        func report(_ sequence: UInt64, incarnation: UInt64 = 0, isLast: Bool = false) throws -> UpdateReport {
            try learner.update([
                batch(
                    [[ReferenceActorCritic.Row](repeating: row, count: 12)], actors: [0], incarnation: incarnation,
                    sequences: [sequence], isLast: isLast)
            ])
        }
        // Sequences end with rows 6, 8, 10, 12; three make a step, which leaves one, and the last row of each open.
        #expect(try report(0).learntRows == 9)
        #expect(try report(1).learntRows == 12)
        let hole = try report(3)
        #expect(hole.cutRows == 1 && hole.rows == 12)
        #expect(try report(4).cutRows == 0)
        #expect(try report(5, incarnation: 1).cutRows == 1)
        // Whatever is in no sequence then.
        #expect(try report(6, incarnation: 1, isLast: true).cutRows > 0)
    }

    @Test("a stream whose episode had ended goes on across a hole without a loss")
    func holesBetweenEpisodes() throws {
        var last = ReferenceActorCritic.Row(components: [1, 2], action: 0, reward: 1)
        let rows = [ReferenceActorCritic.Row](repeating: last, count: 11)
        (last.terminated, last.final) = (true, [0, 0])
        let learner = try makeLearner(smallSettings())
        for sequence in [0, 4, 9] as [UInt64] {
            #expect(try learner.update([batch([rows + [last]], actors: [0], sequences: [sequence])]).cutRows == 0)
        }
    }

    @Test("actions and observations outside their spaces are refused and change nothing")
    func refusals() throws {
        var numbers = Numbers(seed: 47)
        let learner = try makeLearner(smallSettings())
        let good = batch(stream(1, length: 9, numbers: &numbers), actors: [0])
        let before = learner.save()
        var badAction = good
        badAction.actions[5] = 3
        var badObservation = good
        badObservation.observations[7] = 3
        for bad in [badAction, badObservation] {
            #expect(throws: SourceAlgorithmError.self) { try learner.update([bad]) }
        }
        #expect(learner.save() == before)
    }

    @Test("nothing to learn from is a version without a step")
    func empty() throws {
        let learner = try makeLearner(smallSettings())
        let before = learner.parameters
        #expect(try learner.update([]).version == 1)
        let report = try learner.update([
            batch([[ReferenceActorCritic.Row(components: [1, 1], action: 0, reward: 1)]], actors: [0])
        ])
        #expect(report.version == 2 && report.rows == 1 && report.learntRows == 0 && report.measures.isEmpty)
        #expect(learner.parameters == before)
    }

    @Test("of a gradient that is not finite nothing is learnt, it is counted, and parameters stay finite")
    func diverged() throws {
        var numbers = Numbers(seed: 48)
        let learner = try makeLearner(smallSettings())
        var absurd = stream(1, length: 12, numbers: &numbers)
        for index in absurd[0].indices { absurd[0][index].reward = 3e38 }
        let before = learner.parameters
        let report = try learner.update([batch(absurd, actors: [0])])
        #expect(report.divergedRows > 0 && report.learntRows == 0 && learner.parameters == before)
    }

    @Test("the share of random actions falls in a line with the transitions, and the entropy is that of the policy")
    func exploration() throws {
        var settings = smallSettings()
        settings.exploration = 0.1
        settings.firstExploration = 0.9
        settings.explorationTransitions = 48
        var numbers = Numbers(seed: 49)
        let learner = try makeLearner(settings)
        #expect(learner.exploration == 0.9)
        var report = try learner.update([batch(stream(1, length: 24, numbers: &numbers), actors: [0])])
        #expect(abs(learner.exploration - 0.5) < 1e-6)
        // Three actions: the greedy one with 1/2 + 1/6.
        let entropy = -(2.0 / 3 * log(2.0 / 3) + 1.0 / 3 * log(1.0 / 6))
        #expect(abs((report.measures[.policyEntropy] ?? .nan) - entropy) < 1e-6)
        for sequence in 1...3 {
            report = try learner.update([
                batch(stream(1, length: 24, numbers: &numbers), actors: [0], sequences: [UInt64(sequence)])
            ])
        }
        #expect(learner.exploration == 0.1)
    }

    @Test("settings and replays that cannot be are refused in words")
    func refusedSettings() {
        func refuse(_ word: String, actors: Int = 1, _ change: (inout QLambdaSettings) -> Void) {
            var settings = QLambdaSettings()
            change(&settings)
            let error = #expect(throws: SourceAlgorithmError.self) {
                try SourceAlgorithm.qLambda(settings).needs(
                    environment: describe(components: [4], actions: 2), actors: actors)
            }
            #expect(error?.description.contains(word) == true, "\(String(describing: error))")
        }
        refuse("overlap") { $0.overlap = 40 }
        refuse("replay_share") { $0.replayShare = 1 }
        refuse("100 actors", actors: 100) { $0.replayTransitions = 1000 }
    }
}
