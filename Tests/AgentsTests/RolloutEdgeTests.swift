import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

/// What an actor lives, and the rollouts of `length` rows that it is cut into.
private struct RowStream {
    let rows: [ReferenceActorCritic.Row]
    let actor: Int

    /// Random rows whose episodes end at the given rows, by turns terminated and truncated.
    init(actor: Int, rows count: Int, ends: (Int) -> Bool, numbers: inout Numbers) {
        self.actor = actor
        rows = (0..<count).map { row in
            var made = ReferenceActorCritic.Row(
                components: [Int.random(in: 0..<4, using: &numbers), Int.random(in: 0..<3, using: &numbers)],
                action: Int.random(in: 0..<3, using: &numbers),
                reward: Double(Float.random(in: -1...2, using: &numbers)))
            guard ends(row) else { return made }
            made.terminated = Bool.random(using: &numbers)
            made.truncated = !made.terminated
            made.final = [Int.random(in: 0..<4, using: &numbers), Int.random(in: 0..<3, using: &numbers)]
            return made
        }
    }

    init(actor: Int, rows: [ReferenceActorCritic.Row]) {
        self.actor = actor
        self.rows = rows
    }

    func rollout(_ number: Int, length: Int) -> Range<Int> {
        (number * length)..<min((number + 1) * length, rows.count)
    }

    /// Rollout `number` as it travels.
    func batch(_ number: Int, length: Int, incarnation: UInt64 = 0) -> RolloutBatch {
        let range = rollout(number, length: length)
        let episode = rows[..<range.lowerBound].filter(\.isEnd).count
        return AgentsTests.batch(
            [Array(rows[range])], actors: [actor], incarnation: incarnation, sequences: [UInt64(number)],
            episodes: [UInt64(episode)])
    }

    /// What is learnt with rollout `number`: its rows, and the one before it where their episode is the same.
    func learnt(_ number: Int, length: Int) -> [ReferenceActorCritic.Row] {
        let range = rollout(number, length: length)
        let continues = range.lowerBound > 0 && !rows[range.lowerBound - 1].isEnd
        return Array(rows[(range.lowerBound - (continues ? 1 : 0))..<range.upperBound])
    }
}

@Suite("The edges of rollouts")
struct RolloutEdgeTests {
    private func makeLearner(_ change: (inout ActorCriticSettings) -> Void = { _ in }) throws -> ActorCriticLearner {
        var settings = ActorCriticSettings()
        settings.hidden = [5, 7]
        settings.activation = .tanh
        settings.entropyCoefficient = 0.3
        settings.lambda = 0.9
        change(&settings)
        return try ActorCriticLearner(
            settings: settings, scene: Scene(environment: describe(components: [4, 3], actions: 3)), seed: 3, task: 1,
            repetition: 0)
    }

    struct Lengths: Sendable, CustomTestStringConvertible {
        let rollout: Int
        let episode: Int
        var bootstraps = false
        var testDescription: String { "rollouts of \(rollout), episodes of \(episode), bootstraps \(bootstraps)" }
        static let all = [
            Lengths(rollout: 2, episode: 7), Lengths(rollout: 3, episode: 7, bootstraps: true),
            Lengths(rollout: 7, episode: 7), Lengths(rollout: 10, episode: 7),
            Lengths(rollout: 10, episode: 4, bootstraps: true), Lengths(rollout: 4, episode: 1000),
        ]
    }

    @Test(
        "every update has the gradient of the paper's objective on rows that whole streams tell, restored or not",
        arguments: Lengths.all)
    func reference(lengths: Lengths) throws {
        let seed: UInt32 = 41
        var numbers = Numbers(seed: seed)
        // The actors' episodes end in different places.
        let streams = (0..<4).map { actor in
            RowStream(
                actor: 3 * actor, rows: 5 * lengths.rollout,
                ends: { ($0 + 1 + 2 * actor) % lengths.episode == 0 }, numbers: &numbers)
        }
        func make() throws -> ActorCriticLearner {
            try makeLearner {
                $0.bootstrapsTruncation = lengths.bootstraps
                $0.learningRate = 0.01
            }
        }
        var learner = try make()
        let undisturbed = try make()
        for number in 0..<5 {
            let batches = streams.map { $0.batch(number, length: lengths.rollout) }
            let (values, report) = try learner.gradient(batches)
            let learnt = streams.map { $0.learnt(number, length: lengths.rollout) }
            try compare(
                values, report, learnt, learner, bootstraps: lengths.bootstraps, "update \(number), seed \(seed)",
                numbers: &numbers)
            #expect(report.rows == 4 * lengths.rollout && report.cutRows == 0)
            #expect(try learner.update(batches) == undisturbed.update(batches.reversed()))
            if number == 2 {
                let saved = learner.save()
                learner = try make()
                try learner.restore(saved)
            }
        }
        #expect(learner.save() == undisturbed.save())
    }

    /// Compares some parameters' gradients with finite differences of the reference in Double.
    private func compare(
        _ values: [Float], _ report: UpdateReport, _ rollouts: [[ReferenceActorCritic.Row]],
        _ learner: ActorCriticLearner, bootstraps: Bool = false, _ place: String, numbers: inout Numbers
    ) throws {
        let shape = PerceptronShape(components: [4, 3], hidden: [5, 7], outputs: 4)
        var settings = ActorCriticSettings()
        settings.activation = .tanh
        settings.entropyCoefficient = 0.3
        settings.lambda = 0.9
        settings.bootstrapsTruncation = bootstraps
        let reference = ReferenceActorCritic(shape: shape, settings: settings)
        let learnt = rollouts.reduce(0) { $0 + reference.lambdaReturns($1) { _ in 0 }.compactMap { $0 }.count }
        #expect(report.learntRows == learnt, "\(place)")
        let anchor = learner.parameters.map(Double.init)
        let last = shape.layerCount - 1
        let heads = (0..<4).map { shape.biasOffsets[last] + $0 }
        for index in heads + values.indices.filter({ values[$0] != 0 }).shuffled(using: &numbers).prefix(12) {
            let step = 1e-5
            var nudged = anchor
            nudged[index] += step
            let above = reference.objective(nudged, anchor: anchor, rollouts)
            nudged[index] -= 2 * step
            let expected = (above - reference.objective(nudged, anchor: anchor, rollouts)) / (2 * step)
            #expect(
                abs(Double(values[index]) - expected) < 2e-6 + 1e-4 * abs(expected),
                "\(place), parameter \(index): \(values[index]), expected \(expected)")
        }
    }

    @Test("every reward of a stream is learnt from exactly once", arguments: Lengths.all)
    func rewards(lengths: Lengths) throws {
        var numbers = Numbers(seed: 42)
        let count = 3 * lengths.rollout
        let stream = RowStream(
            actor: 1, rows: count, ends: { ($0 + 3) % lengths.episode == 0 || $0 == count - 1 }, numbers: &numbers)
        for rewarded in stream.rows.indices {
            var rows = stream.rows
            for index in rows.indices { rows[index].reward = index == rewarded ? 1 : 0 }
            let paid = RowStream(actor: 1, rows: rows)
            // Without a future and with values of 0, half of every row's squared reward is its loss.
            let learner = try makeLearner {
                $0.discount = 0
                $0.learningRate = 1e-30
            }
            learner.withParameters { UnsafeMutableBufferPointer(mutating: $0).update(repeating: 0) }
            var seen = 0.0
            var learnt = 0
            for number in 0..<3 {
                let report = try learner.update([paid.batch(number, length: lengths.rollout)])
                seen += 2 * (report.measures[.valueLoss] ?? .nan) * Double(report.learntRows)
                learnt += report.learntRows
            }
            #expect(abs(seen - 1) < 1e-5, "the reward of row \(rewarded) was learnt from \(seen) times")
            #expect(learnt == count)
        }
    }

    @Test("rollouts of an actor that come in one update are learnt from as if they came one by one in it")
    func together() throws {
        var numbers = Numbers(seed: 43)
        let stream = RowStream(actor: 2, rows: 20, ends: { $0 == 11 }, numbers: &numbers)
        let learner = try makeLearner()
        let first = try learner.update([stream.batch(0, length: 4)])
        #expect(first.learntRows == 3)
        let batches = [3, 1, 2].map { stream.batch($0, length: 4) }
        let (values, report) = try learner.gradient(batches)
        let learnt = (1..<4).map { stream.learnt($0, length: 4) }
        try compare(values, report, learnt, learner, "three at once", numbers: &numbers)
        // Rows 3 to 14; row 15 waits.
        #expect(report.rows == 12 && report.learntRows == 12 && report.cutRows == 0)
        _ = try learner.update(batches)
        #expect(try learner.update([stream.batch(4, length: 4)]).learntRows == 4)
    }

    @Test("a row waits while its actor takes part in no update")
    func absent() throws {
        var numbers = Numbers(seed: 44)
        let streams = [0, 1, 2].map { RowStream(actor: $0, rows: 12, ends: { _ in false }, numbers: &numbers) }
        let learner = try makeLearner()
        #expect(try learner.update(streams.map { $0.batch(0, length: 4) }).learntRows == 9)
        #expect(try learner.update([streams[1].batch(1, length: 4)]).learntRows == 4)
        #expect(try learner.update([]).cutRows == 0)
        let report = try learner.update([streams[0].batch(1, length: 4), streams[2].batch(1, length: 4)])
        #expect(report.learntRows == 8 && report.cutRows == 0)
        #expect(try learner.update(streams.map { $0.batch(2, length: 4) }).learntRows == 12)
    }

    @Test("a row whose episode does not go on is dropped and counted, once")
    func dropped() throws {
        var numbers = Numbers(seed: 45)
        let stream = RowStream(actor: 0, rows: 12, ends: { _ in false }, numbers: &numbers)
        let other = RowStream(actor: 0, rows: 12, ends: { _ in false }, numbers: &numbers)
        func next(_ batches: [RolloutBatch]) throws -> [Int] {
            let learner = try makeLearner()
            #expect(try learner.update([stream.batch(0, length: 4)]).cutRows == 0)
            let report = try learner.update(batches)
            return [report.learntRows, report.cutRows]
        }
        // Another incarnation, a hole in the stream, a fresh episode, a rollout without rows.
        #expect(try next([other.batch(0, length: 4, incarnation: 1)]) == [3, 1])
        #expect(try next([stream.batch(2, length: 4)]) == [3, 1])
        let fresh = Array(other.rows[..<4])
        #expect(try next([batch([fresh], actors: [0], sequences: [1], episodes: [1])]) == [3, 1])
        #expect(try next([batch([[]], actors: [0], sequences: [1], isLast: true)]) == [0, 1])
        // Within one update too, and at a stream's end.
        #expect(
            try next([stream.batch(1, length: 4), other.batch(0, length: 4, incarnation: 1)]) == [7, 1])
        #expect(try next([batch([fresh], actors: [0], sequences: [1], isLast: true)]) == [4, 1])
        // A dropped row comes back with nothing.
        let learner = try makeLearner()
        for batches in [[stream.batch(0, length: 4)], [other.batch(0, length: 4, incarnation: 1)]] {
            _ = try learner.update(batches)
        }
        let report = try learner.update([stream.batch(1, length: 4), other.batch(1, length: 4, incarnation: 1)])
        #expect(report.cutRows == 2 && report.learntRows == 6)
    }

    @Test("a refused update leaves the waiting rows as they are")
    func refused() throws {
        var numbers = Numbers(seed: 46)
        let stream = RowStream(actor: 5, rows: 8, ends: { _ in false }, numbers: &numbers)
        let learner = try makeLearner()
        _ = try learner.update([stream.batch(0, length: 4)])
        let before = learner.save()
        var bad = stream.batch(1, length: 4)
        bad.actions[3] = 3
        #expect(throws: SourceAlgorithmError.self) { try learner.update([bad]) }
        _ = try learner.gradient([stream.batch(1, length: 4)])
        #expect(learner.save() == before)
        #expect(try learner.update([stream.batch(1, length: 4)]).learntRows == 4)
    }

    @Test("a saved row that no rollout can have is refused in words, and so is the layout without rows")
    func savedRows() throws {
        var numbers = Numbers(seed: 47)
        let stream = RowStream(actor: 5, rows: 4, ends: { _ in false }, numbers: &numbers)
        let learner = try makeLearner()
        _ = try learner.update([stream.batch(0, length: 4)])
        let saved = learner.save()
        // From the end: checksum, observation, reward, action.
        func refusal(_ change: (inout [UInt8]) -> Void) throws -> String {
            var bytes = saved
            change(&bytes)
            let checksum = bytes.dropLast(4).withUnsafeBytes { CRC32C.of($0) }
            bytes.replaceSubrange((bytes.count - 4)..., with: withUnsafeBytes(of: checksum.littleEndian) { Array($0) })
            let error = #expect(throws: SourceAlgorithmError.self) { try learner.restore(bytes) }
            return error?.description ?? ""
        }
        #expect(try refusal { $0[$0.count - 14] = 3 }.contains("action 3"))
        #expect(try refusal { $0[$0.count - 5] = 3 }.contains("components below"))
        #expect(try refusal { $0[12] = 2 }.contains("2 cut rows"))
        #expect(try refusal { $0[4] = 1 }.contains("layout 2"))
        #expect(learner.save() == saved)
    }
}
