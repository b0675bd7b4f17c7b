import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

@Suite("The actor-critic with memory")
struct RecurrentLearnerTests {
    private static let components = [4, 3]
    private static let actions = 3

    private func environment(episodesPerTrial: Int) -> EnvironmentDescription {
        EnvironmentDescription(
            name: "imagined", observationSpace: .multiDiscrete(counts: Self.components),
            actionSpace: .discrete(count: Self.actions), horizon: 10, json: "{}", episodesPerTrial: episodesPerTrial)
    }

    private func settings(units: Int = 16, layers: Int = 2, threads: Int = 1) -> ActorCriticSettings {
        var settings = ActorCriticSettings()
        settings.lstm = LSTMSettings(units: units, layers: layers, threads: threads)
        settings.entropyCoefficient = 0.3
        settings.novelty = 0.4
        settings.lambda = 0.8
        return settings
    }

    private func learner(_ settings: ActorCriticSettings, episodesPerTrial: Int = 2) throws -> RecurrentLearner {
        try RecurrentLearner(
            settings: settings, scene: Scene(environment: environment(episodesPerTrial: episodesPerTrial)), seed: 3,
            task: 1, repetition: 0)
    }

    /// Streams of some actors, cut at the same places, and one batch of each piece.
    private struct Streams {
        var rows: [[ReferenceActorCritic.Row]]
        let cuts: [Int]

        init(actors: Int, cuts: [Int], numbers: inout Numbers) {
            self.cuts = cuts
            rows = randomRollouts(
                components: RecurrentLearnerTests.components, actions: RecurrentLearnerTests.actions,
                lengths: Array(repeating: cuts.last ?? 0, count: actors), numbers: &numbers)
        }

        func range(_ piece: Int) -> Range<Int> { (piece == 0 ? 0 : cuts[piece - 1])..<cuts[piece] }

        func rollouts(_ piece: Int, of actors: [Int]? = nil) -> RolloutBatch {
            let range = range(piece)
            let actors = actors ?? Array(rows.indices)
            return batch(
                actors.map { Array(rows[$0][range]) }, actors: actors,
                sequences: actors.map { _ in UInt64(piece) },
                episodes: actors.map { UInt64(rows[$0][..<range.lowerBound].count(where: \.isEnd)) })
        }
    }

    struct Variant: Sendable, CustomTestStringConvertible {
        var units = 16
        var layers = 2
        var episodesPerTrial = 2
        var lambda = 0.8
        var actors = 3
        var span = NoveltySpan.trial
        var testDescription: String {
            "\(layers) x \(units), \(episodesPerTrial) episodes a trial, lambda \(lambda), \(actors) actors, new in its \(span)"
        }
        static let all = [
            Variant(), Variant(layers: 1), Variant(episodesPerTrial: 1), Variant(episodesPerTrial: 50),
            Variant(lambda: 0), Variant(lambda: 1), Variant(units: 32, layers: 3), Variant(actors: 40),
            Variant(episodesPerTrial: 5, span: .episode),
        ]
    }

    @Test(
        "the gradient is that of the objective over trials, by finite differences in Double, with a state that lived on",
        arguments: Variant.all)
    func gradient(variant: Variant) throws {
        var settings = settings(units: variant.units, layers: variant.layers)
        settings.lambda = variant.lambda
        settings.noveltySpan = variant.span
        // So small that no parameter moves: what is kept of one update is then of the reference's parameters.
        settings.learningRate = 1e-30
        var numbers = Numbers(seed: 21)
        let learner = try learner(settings, episodesPerTrial: variant.episodesPerTrial)
        let streams = Streams(actors: variant.actors, cuts: [7, 12, 13, 24], numbers: &numbers)
        let reference = ReferenceRecurrent(
            counts: Self.components, actions: Self.actions, settings: settings,
            episodesPerTrial: variant.episodesPerTrial)
        let anchor = learner.actingParameters.map(Double.init)
        #expect(anchor.count == reference.layout.count)
        for piece in streams.cuts.indices {
            let (values, report) = try learner.gradient([streams.rollouts(piece)])
            let sequences = streams.rows.flatMap {
                reference.sequences(reference.rows($0), streams.range(piece), parameters: anchor)
            }
            #expect(report.rows == variant.actors * streams.range(piece).count)
            #expect(report.learntRows == sequences.reduce(0) { $0 + $1.rows.count - ($1.isWhole ? 0 : 1) })
            let tensors = reference.layout.tensors
            let existing = tensors.flatMap { $0.offset..<($0.offset + $0.count) }
            for index in existing.shuffled(using: &numbers).prefix(20) + tensors.map(\.offset) {
                func objective(_ step: Double) -> Double {
                    var nudged = anchor
                    nudged[index] += step
                    return reference.objective(nudged, anchor: anchor, sequences)
                }
                let expected = (objective(1e-5) - objective(-1e-5)) / 2e-5
                #expect(
                    abs(Double(values[index]) - expected) < 2e-6 + 1e-3 * abs(expected),
                    "piece \(piece), parameter \(index): \(values[index]), expected \(expected)")
            }
            _ = try learner.update([streams.rollouts(piece)])
            #expect(zip(learner.actingParameters, anchor).allSatisfy { abs(Double($0) - $1) < 1e-20 })
        }
    }

    @Test("what is learnt does not depend on batches, on the order of rollouts, or on threads")
    func batches() throws {
        var numbers = Numbers(seed: 22)
        let streams = Streams(actors: 70, cuts: [5, 10, 15], numbers: &numbers)
        let learners = try [1, 1, 3].map { try learner(settings(threads: $0)) }
        for piece in streams.cuts.indices {
            let whole = [streams.rollouts(piece)]
            let divided = [
                streams.rollouts(piece, of: Array(30..<70).reversed()), streams.rollouts(piece, of: Array(0..<30)),
            ]
            let reports = try zip(learners, [whole, divided, whole]).map { try $0.update($1) }
            #expect(reports[0] == reports[1] && reports[0] == reports[2])
        }
        #expect(learners[0].save() == learners[1].save())
        #expect(learners[0].save() == learners[2].save())
    }

    @Test("two rollouts of an actor in one update are learnt from as one")
    func joined() throws {
        var numbers = Numbers(seed: 23)
        let streams = Streams(actors: 4, cuts: [6, 12], numbers: &numbers)
        let whole = Streams(actors: 4, cuts: [12], numbers: &numbers)
        var same = whole
        same.rows = streams.rows
        let one = try learner(settings()).gradient([streams.rollouts(1), streams.rollouts(0)])
        let other = try learner(settings()).gradient([same.rollouts(0)])
        #expect(one.values == other.values && one.report == other.report)
    }

    @Test("a learner that was restored goes on to the same bits")
    func restored() throws {
        var numbers = Numbers(seed: 24)
        let streams = Streams(actors: 5, cuts: [5, 9, 14, 20], numbers: &numbers)
        let first = try learner(settings())
        for piece in 0..<2 { _ = try first.update([streams.rollouts(piece)]) }
        let saved = first.save()
        let second = try learner(settings())
        try second.restore(saved)
        #expect(second.save() == saved)
        for piece in 2..<4 {
            #expect(try first.update([streams.rollouts(piece)]) == second.update([streams.rollouts(piece)]))
        }
        #expect(first.save() == second.save())
        let needs = try SourceAlgorithm.actorCritic(settings()).needs(
            environment: environment(episodesPerTrial: 2), actors: 5)
        #expect(saved.count <= needs.largestSavedBytes)
    }

    @Test("saved bytes that are damaged, cut or of another network are refused, and change nothing")
    func damaged() throws {
        var numbers = Numbers(seed: 25)
        let streams = Streams(actors: 2, cuts: [5], numbers: &numbers)
        let learner = try learner(settings())
        _ = try learner.update([streams.rollouts(0)])
        let saved = learner.save()
        for place in [0, 4, 9, 13, 17, 40, saved.count - 60, saved.count - 1] {
            var bytes = saved
            bytes[place] ^= 1
            #expect(throws: SourceAlgorithmError.self, "byte \(place)") { try learner.restore(bytes) }
        }
        #expect(throws: SourceAlgorithmError.self) { try learner.restore(Array(saved.dropLast())) }
        #expect(throws: SourceAlgorithmError.self) { try learner.restore([]) }
        #expect(throws: SourceAlgorithmError.self) {
            try self.learner(settings(units: 32)).restore(saved)
        }
        #expect(learner.save() == saved)
    }

    @Test("after a gap, and under a new incarnation, nothing is known of what came before, and its cut row is lost")
    func gaps() throws {
        var numbers = Numbers(seed: 26)
        let streams = Streams(actors: 1, cuts: [5, 10], numbers: &numbers)
        var rows = streams.rows[0]
        for index in rows.indices {
            rows[index].terminated = false
            rows[index].truncated = false
            rows[index].final = nil
        }
        func rollout(_ range: Range<Int>, sequence: UInt64, incarnation: UInt64 = 0) -> RolloutBatch {
            batch([Array(rows[range])], actors: [0], incarnation: incarnation, sequences: [sequence])
        }
        let learner = try learner(settings())
        #expect(try learner.update([rollout(0..<5, sequence: 0)]).cutRows == 0)
        #expect(learner.keptState(ofActor: 0) != nil)
        let gap = try learner.update([rollout(5..<10, sequence: 2)])
        #expect(gap.cutRows == 1 && gap.learntRows == 4)
        let other = try learner.update([rollout(0..<5, sequence: 0, incarnation: 1)])
        #expect(other.cutRows == 1 && other.learntRows == 4)
        let going = try learner.update([rollout(5..<10, sequence: 1, incarnation: 1)])
        #expect(going.cutRows == 0 && going.learntRows == 5)
    }

    @Test("observations and actions outside their spaces are refused")
    func outside() throws {
        let learner = try learner(settings())
        let row = ReferenceActorCritic.Row(components: [1, 1], action: 1, reward: 0)
        for wrong in [
            ReferenceActorCritic.Row(components: [4, 0], action: 0, reward: 0),
            ReferenceActorCritic.Row(components: [0, 0], action: 3, reward: 0),
        ] {
            #expect(throws: SourceAlgorithmError.self) {
                try learner.update([batch([[row, wrong]], actors: [0])])
            }
        }
        #expect(learner.version == 0)
    }

    @Test("an lstm whose units are no multiple of 16, or that is to bootstrap truncations, is refused")
    func refused() throws {
        #expect(throws: SourceAlgorithmError.self) { try learner(settings(units: 20)) }
        var bootstrapping = settings()
        bootstrapping.bootstrapsTruncation = true
        #expect(throws: SourceAlgorithmError.self) { try learner(bootstrapping) }
    }
}
