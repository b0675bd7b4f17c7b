import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

@Suite("The actor-critic learner")
struct ActorCriticLearnerTests {
    private func makeLearner(
        _ settings: ActorCriticSettings, components: [Int], actions: Int, sharing: Bool = true
    ) throws -> ActorCriticLearner {
        try ActorCriticLearner(
            settings: settings, scene: Scene(environment: describe(components: components, actions: actions)), seed: 3,
            task: 1,
            repetition: 0, sharesEqualObservations: sharing)
    }

    struct Variant: Sendable, CustomTestStringConvertible {
        var hidden = [5, 7]
        var activation = PerceptronNetwork.Activation.relu
        var lambda = 0.9
        var bootstraps = false
        var sharing = true
        var components = [4, 3]
        var actions = 3
        var sampled: Int?
        var testDescription: String {
            "\(hidden) \(activation.rawValue), lambda \(lambda), bootstraps \(bootstraps), shares \(sharing)"
        }
        static let all = [
            Variant(), Variant(activation: .tanh), Variant(lambda: 0), Variant(lambda: 1), Variant(bootstraps: true),
            Variant(activation: .tanh, lambda: 0.5, bootstraps: true, sharing: false),
            Variant(hidden: [33], sharing: false),
            Variant(hidden: [128, 128, 128], components: [9, 9], actions: 5, sampled: 60),
            Variant(hidden: [80, 20], activation: .tanh, components: [17, 2, 3], actions: 16, sampled: 60),
        ]
    }

    @Test("the gradient is that of the paper's objective, by finite differences in Double", arguments: Variant.all)
    func gradient(variant: Variant) throws {
        var settings = ActorCriticSettings()
        settings.hidden = variant.hidden
        settings.activation = variant.activation
        settings.lambda = variant.lambda
        settings.bootstrapsTruncation = variant.bootstraps
        settings.entropyCoefficient = 0.3
        var numbers = Numbers(seed: 11)
        let learner = try makeLearner(
            settings, components: variant.components, actions: variant.actions, sharing: variant.sharing)
        let rollouts = randomRollouts(
            components: variant.components, actions: variant.actions, lengths: [6, 1, 9, 4, 12], numbers: &numbers)
        let (values, report) = try learner.gradient([batch(rollouts, actors: [0, 1, 2, 3, 4])])

        let shape = PerceptronShape(
            components: variant.components, hidden: variant.hidden, outputs: variant.actions + 1)
        let reference = ReferenceActorCritic(shape: shape, settings: settings)
        let anchor = learner.parameters.map(Double.init)
        let learnt = rollouts.reduce(0) { $0 + reference.lambdaReturns($1) { _ in 0 }.compactMap { $0 }.count }
        #expect(report.rows == 32)
        #expect(report.learntRows == learnt)

        var indices = shape.existingParameters
        if let sampled = variant.sampled { indices = Array(indices.shuffled(using: &numbers).prefix(sampled)) }
        for index in indices {
            let step = 1e-5
            var nudged = anchor
            nudged[index] += step
            let above = reference.objective(nudged, anchor: anchor, rollouts)
            nudged[index] -= 2 * step
            let below = reference.objective(nudged, anchor: anchor, rollouts)
            let expected = (above - below) / (2 * step)
            #expect(
                abs(Double(values[index]) - expected) < 2e-6 + 1e-4 * abs(expected),
                "parameter \(index): \(values[index]), expected \(expected)")
        }
        let existing = Set(shape.existingParameters)
        #expect(values.indices.allSatisfy { existing.contains($0) || values[$0] == 0 })
        let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs((report.measures[.gradientNorm] ?? .nan) - norm) < 1e-6 * norm)
    }

    @Test("an update is one clipped Adam step on the gradient", arguments: [0, 0.05])
    func adam(clip: Double) throws {
        var settings = ActorCriticSettings()
        settings.hidden = [20, 6]
        settings.gradientClip = clip
        settings.learningRate = 3e-3
        var numbers = Numbers(seed: 12)
        let learner = try makeLearner(settings, components: [4, 3], actions: 3)
        let count = learner.parameters.count
        var expected = learner.parameters.map(Double.init)
        var first = [Double](repeating: 0, count: count)
        var second = first
        for step in 1...5 {
            let rollouts = randomRollouts(components: [4, 3], actions: 3, lengths: [8, 8], numbers: &numbers)
            let (gradient, report) = try learner.gradient([batch(rollouts, actors: [0, 1])])
            let scale = clip > 0 ? min(1, clip / ((report.measures[.gradientNorm] ?? .nan) + 1e-6)) : 1
            for index in 0..<count {
                let slope = Double(gradient[index]) * scale
                first[index] = 0.9 * first[index] + 0.1 * slope
                second[index] = 0.999 * second[index] + 0.001 * slope * slope
                let mean = first[index] / (1 - pow(0.9, Double(step)))
                let square = second[index] / (1 - pow(0.999, Double(step)))
                expected[index] -= settings.learningRate * mean / (square.squareRoot() + 1e-6)
            }
            #expect(try learner.update([batch(rollouts, actors: [0, 1])]).version == UInt64(step))
            let found = learner.parameters
            #expect(found.indices.allSatisfy { abs(Double(found[$0]) - expected[$0]) < 1e-6 * Double(step) })
        }
    }

    @Test("an update depends on the rollouts alone, not on how batches divide or order them")
    func division() throws {
        var numbers = Numbers(seed: 13)
        let rollouts = randomRollouts(
            components: [9, 9], actions: 5, lengths: [Int](repeating: 20, count: 100), numbers: &numbers)
        func parameters(_ batches: [RolloutBatch]) throws -> [UInt32] {
            let learner = try makeLearner(ActorCriticSettings(), components: [9, 9], actions: 5)
            for _ in 0..<3 { _ = try learner.update(batches) }
            return learner.parameters.map(\.bitPattern)
        }
        let whole = try parameters([batch(rollouts, actors: Array(0..<100))])
        let divided = (0..<5).map { group in
            let members = Array((20 * group)..<(20 * group + 20))
            return batch(members.map { rollouts[$0] }, actors: members)
        }
        #expect(try parameters(divided) == whole)
        #expect(try parameters(divided.reversed()) == whole)
        let mixed = (0..<100).shuffled(using: &numbers)
        #expect(try parameters([batch(mixed.map { rollouts[$0] }, actors: mixed)]) == whole)
        #expect(try parameters([batch(rollouts.reversed(), actors: Array(0..<100))]) != whole)
    }

    @Test("an actor's rollouts are ordered by sequence number")
    func sequences() throws {
        var numbers = Numbers(seed: 14)
        let rollouts = randomRollouts(components: [4], actions: 2, lengths: [5, 6, 7], numbers: &numbers)
        let learner = try makeLearner(ActorCriticSettings(), components: [4], actions: 2)
        let ordered = try learner.gradient([batch(rollouts, actors: [2, 2, 2], sequences: [7, 8, 9])]).values
        let turned = try learner.gradient([
            batch([rollouts[2]], actors: [2], sequences: [9]),
            batch([rollouts[1], rollouts[0]], actors: [2, 2], sequences: [8, 7]),
        ]).values
        #expect(ordered == turned)
    }

    @Test("computing equal observations once changes the gradient by rounding alone")
    func sharing() throws {
        var numbers = Numbers(seed: 15)
        let rollouts = randomRollouts(
            components: [3, 3], actions: 4, lengths: [Int](repeating: 20, count: 30), numbers: &numbers)
        let once = try makeLearner(ActorCriticSettings(), components: [3, 3], actions: 4)
            .gradient([batch(rollouts, actors: Array(0..<30))])
        let every = try makeLearner(ActorCriticSettings(), components: [3, 3], actions: 4, sharing: false)
            .gradient([batch(rollouts, actors: Array(0..<30))])
        #expect(once.values.indices.allSatisfy { abs(once.values[$0] - every.values[$0]) < 1e-5 })
        #expect((once.report.measures[.policyEntropy] ?? .nan) == (every.report.measures[.policyEntropy] ?? .nan))
        #expect(abs((once.report.measures[.policyLoss] ?? .nan) - (every.report.measures[.policyLoss] ?? .nan)) < 1e-5)
        #expect(abs((once.report.measures[.valueLoss] ?? .nan) - (every.report.measures[.valueLoss] ?? .nan)) < 1e-5)
    }

    @Test("a learner that was saved and restored goes on with the same bits")
    func saving() throws {
        var numbers = Numbers(seed: 16)
        let learner = try makeLearner(ActorCriticSettings(), components: [4, 3], actions: 3)
        let rollouts = (0..<4).map { _ in
            batch(randomRollouts(components: [4, 3], actions: 3, lengths: [9], numbers: &numbers), actors: [0])
        }
        for index in 0..<2 { _ = try learner.update([rollouts[index]]) }
        let saved = learner.save()
        for index in 2..<4 { _ = try learner.update([rollouts[index]]) }
        let other = try makeLearner(ActorCriticSettings(), components: [4, 3], actions: 3)
        try other.restore(saved)
        #expect(other.version == 2)
        for index in 2..<4 { _ = try other.update([rollouts[index]]) }
        #expect(other.save() == learner.save())

        var damaged = saved
        damaged[saved.count / 2] ^= 1
        for bytes in [[], Array(saved.prefix(20)), Array(saved.dropLast()), damaged, [UInt8](repeating: 0, count: 99)] {
            #expect(throws: SourceAlgorithmError.self) { try other.restore(bytes) }
        }
        let larger = try makeLearner(ActorCriticSettings(), components: [4, 4], actions: 3)
        #expect(throws: SourceAlgorithmError.self) { try larger.restore(saved) }
        #expect(other.save() == learner.save())
    }

    @Test("actions and observations outside their spaces are refused and change nothing")
    func refusals() throws {
        var numbers = Numbers(seed: 17)
        let learner = try makeLearner(ActorCriticSettings(), components: [4, 3], actions: 3)
        let good = batch(randomRollouts(components: [4, 3], actions: 3, lengths: [9], numbers: &numbers), actors: [0])
        let other = try makeLearner(ActorCriticSettings(), components: [4, 3], actions: 3)
        var badAction = good
        badAction.actions[5] = 3
        var badObservation = good
        badObservation.observations[7] = 3
        for bad in [badAction, badObservation] {
            #expect(throws: SourceAlgorithmError.self) { try learner.update([bad]) }
        }
        _ = try learner.update([good])
        _ = try other.update([good])
        #expect(learner.save() == other.save())
    }

    @Test("nothing to learn from is a version without a step")
    func empty() throws {
        let learner = try makeLearner(ActorCriticSettings(), components: [4], actions: 2)
        let before = learner.parameters
        #expect(try learner.update([]).version == 1)
        let row = ReferenceActorCritic.Row(components: [1], action: 0, reward: 1)
        let report = try learner.update([batch([[row]], actors: [0])])
        #expect(report.version == 2)
        #expect(report.rows == 1)
        #expect(report.learntRows == 0)
        #expect(learner.parameters == before)
    }

    @Test("of a gradient that is not finite nothing is learnt, it is counted, and learning goes on") func diverged()
        throws
    {
        var settings = ActorCriticSettings()
        settings.hidden = [16]
        let learner = try ActorCriticLearner(
            settings: settings, scene: Scene(environment: describe(components: [4], actions: 3)), seed: 1, task: 0,
            repetition: 0)
        var numbers = Numbers(seed: 31)
        let rollouts = randomRollouts(components: [4], actions: 3, lengths: [20, 20], numbers: &numbers)
        var absurd = rollouts
        for index in absurd[1].indices { absurd[1][index].reward = 3e38 }
        let before = learner.parameters
        let report = try learner.update([batch(absurd, actors: [0, 1])])
        #expect(report.divergedRows > 0 && report.learntRows == 0 && report.rows == 40 && report.version == 1)
        #expect(report.measures.isEmpty && learner.parameters == before && learner.version == 1)
        let next = try learner.update([batch(rollouts, actors: [0, 1], sequences: [1, 1])])
        #expect(next.learntRows > 0 && next.divergedRows == 0 && learner.parameters != before)
        #expect(!learner.parameters.contains { !$0.isFinite })
    }

    @Test("spaces that the network cannot take are refused in words")
    func spaces() {
        let pixels = EnvironmentDescription(
            name: "pixels", observationSpace: .box(shape: [8, 9], type: .uint8, low: 0, high: 255),
            actionSpace: .discrete(count: 2), horizon: 5, json: "{}")
        let levers = EnvironmentDescription(
            name: "levers", observationSpace: .discrete(count: 3),
            actionSpace: .box(shape: [2], type: .float32, low: -1, high: 1), horizon: 5, json: "{}")
        for environment in [pixels, levers] {
            #expect(throws: SourceAlgorithmError.self) {
                try SourceAlgorithm.actorCritic(ActorCriticSettings())
                    .makeLearner(scene: Scene(environment: environment), seed: 0, task: 0, repetition: 0)
            }
        }
    }
}
