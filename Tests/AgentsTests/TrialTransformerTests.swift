import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

@Suite("The actor-critic with a transformer over trials")
struct TrialTransformerTests {
    private static let components = [4, 3]
    private static let actions = 3

    private func environment(episodesPerTrial: Int, horizon: Int? = 16) -> EnvironmentDescription {
        EnvironmentDescription(
            name: "imagined", observationSpace: .multiDiscrete(counts: Self.components),
            actionSpace: .discrete(count: Self.actions), horizon: horizon, json: "{}",
            episodesPerTrial: episodesPerTrial)
    }

    private func settings(layers: Int = 2, heads: Int = 2, threads: Int = 1) -> ActorCriticSettings {
        var settings = ActorCriticSettings()
        settings.transformer = TrialTransformerSettings(
            dimension: 16, layers: layers, heads: heads, feedForward: 80, threads: threads)
        settings.entropyCoefficient = 0.3
        settings.novelty = 0.4
        settings.lambda = 0.8
        return settings
    }

    private func learner(
        _ settings: ActorCriticSettings, episodesPerTrial: Int = 2
    ) throws -> RecurrentLearner {
        try RecurrentLearner(
            settings: settings, scene: Scene(environment: environment(episodesPerTrial: episodesPerTrial)), seed: 3,
            task: 1, repetition: 0)
    }

    /// One piece of each actor's stream, from row `cuts[piece - 1]` to row `cuts[piece]`.
    private func rollouts(
        _ rows: [[ReferenceActorCritic.Row]], _ range: Range<Int>, piece: Int, actors: [Int]? = nil
    ) -> RolloutBatch {
        let actors = actors ?? Array(rows.indices)
        return batch(
            actors.map { Array(rows[$0][range]) }, actors: actors, sequences: actors.map { _ in UInt64(piece) },
            episodes: actors.map { UInt64(rows[$0][..<range.lowerBound].count(where: \.isEnd)) })
    }

    private func streams(_ actors: Int, length: Int, _ numbers: inout Numbers) -> [[ReferenceActorCritic.Row]] {
        randomRollouts(
            components: Self.components, actions: Self.actions, lengths: Array(repeating: length, count: actors),
            numbers: &numbers)
    }

    struct Variant: Sendable, CustomTestStringConvertible {
        var layers = 2
        var heads = 2
        var episodesPerTrial = 2
        var actors = 3
        var testDescription: String {
            "\(layers) layers, \(heads) heads, \(episodesPerTrial) episodes a trial, \(actors) actors"
        }
        static let all = [
            Variant(), Variant(layers: 1, heads: 1), Variant(heads: 4, episodesPerTrial: 1),
            Variant(layers: 3, episodesPerTrial: 50), Variant(actors: 20),
        ]
    }

    @Test(
        "the gradient is that of the objective, through all rows of the trial so far, by finite differences in Double",
        arguments: Variant.all)
    func gradient(variant: Variant) throws {
        var settings = settings(layers: variant.layers, heads: variant.heads)
        // So small that no parameter moves.
        settings.learningRate = 1e-30
        var numbers = Numbers(seed: 31)
        let learner = try learner(settings, episodesPerTrial: variant.episodesPerTrial)
        let cuts = [7, 12, 13, 24]
        let rows = streams(variant.actors, length: 24, &numbers)
        let network = ReferenceTrialTransformer(
            counts: Self.components, actions: Self.actions, settings: try #require(settings.transformer),
            tokens: 16 * variant.episodesPerTrial)
        let reference = ReferenceRecurrent(
            counts: Self.components, actions: Self.actions, settings: settings,
            episodesPerTrial: variant.episodesPerTrial)
        let anchor = learner.actingParameters.map(Double.init)
        #expect(anchor.count == network.layout.count)
        for piece in cuts.indices {
            let range = (piece == 0 ? 0 : cuts[piece - 1])..<cuts[piece]
            let (values, report) = try learner.gradient([rollouts(rows, range, piece: piece)])
            let sequences = rows.flatMap { reference.sequences(reference.rows($0), range, parameters: nil) }
            #expect(report.learntRows == sequences.reduce(0) { $0 + $1.rows.count - ($1.isWhole ? 0 : 1) })
            let tensors = network.layout.tensors
            let existing = tensors.flatMap { $0.offset..<($0.offset + $0.count) }
            for index in existing.shuffled(using: &numbers).prefix(12) + tensors.map(\.offset) {
                func objective(_ step: Double) -> Double {
                    var nudged = anchor
                    nudged[index] += step
                    return reference.objective(nudged, anchor: anchor, sequences, heads: network.heads)
                }
                let expected = (objective(1e-5) - objective(-1e-5)) / 2e-5
                #expect(
                    abs(Double(values[index]) - expected) < 4e-6 + 2e-3 * abs(expected),
                    "piece \(piece), parameter \(index): \(values[index]), expected \(expected)")
            }
            _ = try learner.update([rollouts(rows, range, piece: piece)])
        }
    }

    @Test("what is learnt does not depend on batches, on the order of rollouts, or on threads") func batches() throws {
        var numbers = Numbers(seed: 32)
        let rows = streams(20, length: 15, &numbers)
        let learners = try [1, 1, 3].map { try learner(settings(threads: $0)) }
        for (piece, range) in [0..<5, 5..<10, 10..<15].enumerated() {
            let whole = [rollouts(rows, range, piece: piece)]
            let divided = [
                rollouts(rows, range, piece: piece, actors: Array(9..<20).reversed()),
                rollouts(rows, range, piece: piece, actors: Array(0..<9)),
            ]
            let reports = try zip(learners, [whole, divided, whole]).map { try $0.update($1) }
            #expect(reports[0] == reports[1] && reports[0] == reports[2])
        }
        #expect(learners[0].save() == learners[1].save() && learners[0].save() == learners[2].save())
    }

    @Test("a learner that was restored goes on to the same bits, and one that is damaged is refused")
    func restored() throws {
        var numbers = Numbers(seed: 33)
        let rows = streams(5, length: 20, &numbers)
        let ranges = [0..<5, 5..<9, 9..<14, 14..<20]
        let first = try learner(settings())
        for piece in 0..<2 { _ = try first.update([rollouts(rows, ranges[piece], piece: piece)]) }
        let saved = first.save()
        let second = try learner(settings())
        try second.restore(saved)
        #expect(second.save() == saved)
        for piece in 2..<4 {
            let batch = rollouts(rows, ranges[piece], piece: piece)
            #expect(try first.update([batch]) == second.update([batch]))
        }
        #expect(first.save() == second.save())
        let needs = try SourceAlgorithm.actorCritic(settings()).needs(
            environment: environment(episodesPerTrial: 2), actors: 5)
        #expect(saved.count <= needs.largestSavedBytes)
        let before = second.save()
        for place in [0, 9, 40, saved.count - 60, saved.count - 1] {
            var bytes = saved
            bytes[place] ^= 1
            #expect(throws: SourceAlgorithmError.self, "byte \(place)") { try second.restore(bytes) }
        }
        #expect(throws: SourceAlgorithmError.self) { try learner(settings(layers: 1)).restore(saved) }
        #expect(second.save() == before)
    }

    @Test("an actor says what the network says of its trial so far, whoever stands beside it, and forgets it behind it")
    func acting() throws {
        let tasks = try EnvironmentSettings.trials(
            TrialsSettings(of: .darkRoom(DarkRoomSettings(size: 3, horizon: 7)), episodes: 3)
        ).makeTasks(split: TaskSplit(testTasks: 2))
        let algorithm = SourceAlgorithm.actorCritic(settings())
        let mixture = try tasks.task(try #require(tasks.ids(of: .train).first))
        let learner = try algorithm.makeLearner(
            scene: tasks.scene(of: mixture), seed: 4, task: mixture.id, repetition: 0)
        let keys = (0..<5).map { StreamKey(seed: 4, task: mixture.id, repetition: 0, actor: $0) }
        func collector(_ keys: [StreamKey]) throws -> (RolloutCollector, RecurrentActor) {
            let actor = try algorithm.makeActor(environment: tasks.environment, keys: keys)
            try learner.withActingParameters { try actor.load(parameters: $0) }
            let collector = try RolloutCollector(
                environment: tasks.makeEnvironment(task: mixture, keys: keys), actor: actor,
                lifetime: LifetimeIdentifier(task: mixture.id, repetition: 0),
                positions: keys.map { ActorPosition(actor: $0.actor) })
            return (collector, try #require(actor as? RecurrentActor))
        }
        let network = ReferenceTrialTransformer(
            counts: [3, 3], actions: 5, settings: try #require(settings().transformer), tokens: 21)
        let parameters = learner.actingParameters.map(Double.init)
        for length in [1, 9, 21, 22, 40] {
            let (many, actor) = try collector(keys)
            let batch = try many.collect(length: length, policyVersion: 0)
            let (alone, single) = try collector([keys[3]])
            _ = try alone.collect(length: length, policyVersion: 0)
            #expect(single.outputs(of: 0) == actor.outputs(of: 3), "the same bits alone")
            batch.forEachRollout(tasks.environment.rolloutLayout) { header, found in
                var rows: [ReferenceRecurrent.Row] = []
                for row in (length - 1) / 21 * 21..<length {
                    let isFirst = row % 21 == 0
                    rows.append(
                        ReferenceRecurrent.Row(
                            components: [Int(found[.observations][2 * row]), Int(found[.observations][2 * row + 1])],
                            previousAction: isFirst ? nil : Int(found[.actions][row - 1]),
                            previousReward: isFirst
                                ? 0
                                : Double(found[.rewards].loadUnaligned(fromByteOffset: 4 * (row - 1), as: Float.self)),
                            beginsEpisode: row % 7 == 0, action: Int(found[.actions][row]), reward: 0))
                }
                let expected = network.heads(parameters, rows).last ?? []
                for (value, reference) in zip(actor.outputs(of: header.actor), expected) {
                    #expect(abs(Double(value) - reference) < 1e-4, "\(length) rows, actor \(header.actor)")
                }
            }
        }
    }

    @Test("episodes without a longest length, and two networks at once, are refused") func refused() throws {
        #expect(throws: SourceAlgorithmError.self) {
            try SourceAlgorithm.actorCritic(settings()).needs(
                environment: environment(episodesPerTrial: 2, horizon: nil), actors: 2)
        }
        var both = settings()
        both.lstm = LSTMSettings(units: 16, layers: 1)
        #expect(throws: SourceAlgorithmError.self) { try learner(both) }
        #expect(throws: SourceAlgorithmError.self, "heads that do not divide") { try learner(settings(heads: 3)) }
    }

    @Test("it learns to find again in a trial what it has found") func learns() throws {
        var settings = ActorCriticSettings()
        settings.transformer = TrialTransformerSettings(dimension: 32, layers: 2, heads: 2, feedForward: 64)
        settings.learningRate = 2e-3
        let returns = try returnsAfterTraining(settings, updates: 3000)
        // Without memory they differ by chance alone, by less than 0.1; how far training comes depends on the processor.
        #expect(returns[3] > returns[0] + 0.4, "mean returns \(returns)")
    }
}
