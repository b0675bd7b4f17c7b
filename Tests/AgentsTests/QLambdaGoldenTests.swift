import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

/// What `scripts/golden_q_lambda.py` wrote.
private struct Golden: Decodable {
    let counts: [Int]
    let actions: Int
    let hidden: [Int]
    let sequences: Int
    let length: Int
    let discount: Double
    let lambda: Double
    let learningRate: Double
    let gradientClip: Double
    let adamEpsilon: Double
    let targetInterval: Int
    let components: [Int]
    let chosen: [Int]
    let rewards: [Double]
    let ends: [Bool]
    /// G_t - Q(o_t, a_t) of all rows but each sequence's last, under the first parameters.
    let errors: [Double]
    let losses: [Double]
    let norms: [Double]

    static func read() throws -> Golden {
        let url = try #require(Bundle.module.url(forResource: "Golden/q-lambda.json", withExtension: nil))
        return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    }

    var settings: QLambdaSettings {
        var settings = QLambdaSettings()
        settings.hidden = hidden
        settings.discount = discount
        settings.lambda = lambda
        settings.learningRate = learningRate
        settings.gradientClip = gradientClip
        settings.adamEpsilon = adamEpsilon
        settings.targetInterval = targetInterval
        settings.batchSequences = sequences
        settings.sequenceLength = length
        settings.overlap = 1
        settings.replayShare = 0
        return settings
    }

    var shape: PerceptronShape { PerceptronShape(components: counts, hidden: hidden, outputs: actions) }

    var rollouts: [[ReferenceActorCritic.Row]] {
        let width = counts.count
        return (0..<sequences).map { sequence in
            (0..<length).map { step in
                let row = sequence * length + step
                return ReferenceActorCritic.Row(
                    components: Array(components[(row * width)..<((row + 1) * width)]), action: chosen[row],
                    reward: rewards[row], terminated: ends[row],
                    final: ends[row] ? [Int](repeating: 0, count: width) : nil)
            }
        }
    }

    /// A learner with the parameters that the script makes by the same rule. Its target network has them, too, since it
    /// was restored with them.
    func makeLearner() throws -> QLambdaLearner {
        func make() throws -> QLambdaLearner {
            try QLambdaLearner(
                settings: settings, scene: Scene(environment: describe(components: counts, actions: actions)), seed: 0,
                task: 0, repetition: 0)
        }
        var saved = try make().save()
        let parameters = self.parameters.flatMap { number in
            (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
        }
        saved.replaceSubrange(80..<(80 + 2 * parameters.count), with: parameters + parameters)
        let checksum = saved.dropLast(4).withUnsafeBytes { CRC32C.of($0) }
        for byte in 0..<4 { saved[saved.count - 4 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
        let learner = try make()
        try learner.restore(saved)
        return learner
    }

    private var parameters: [Float] {
        var parameters = [Float](repeating: 0, count: shape.parameterCount)
        var number: UInt64 = 0
        for layer in 0..<shape.layerCount {
            let (inputs, outputs) = (shape.inputs(of: layer), shape.units(of: layer))
            let weights = (0..<(outputs * inputs)).map {
                shape.weightOffsets[layer] + $0 % inputs * shape.widths[layer] + $0 / inputs
            }
            for place in weights + (0..<outputs).map({ shape.biasOffsets[layer] + $0 }) {
                let unit = Double(number &* 2_654_435_761 % (1 << 32)) / Double(1 << 32) - 0.5
                parameters[place] = Float(Double(Float(unit)) * 2 / Double(inputs).squareRoot())
                number += 1
            }
        }
        return parameters
    }
}

@Suite("DQN(Q-lambda) against rlax, JAX and optax")
struct QLambdaGoldenTests {
    @Test("the errors of the slow reference are those of rlax's q_lambda")
    func errors() throws {
        let golden = try Golden.read()
        let parameters = try golden.makeLearner().parameters.map(Double.init)
        let reference = ReferenceQLambda(golden.settings, components: golden.counts, actions: golden.actions)
        let found = golden.rollouts.flatMap { rows in
            let items = reference.items(rows)
            let returns = reference.returns(items) { reference.values(parameters, $0).max() ?? 0 }
            return zip(items, returns).compactMap { item, goal in
                goal.map { $0 - reference.values(parameters, item.components)[item.action ?? 0] }
            }
        }
        try #require(found.count == golden.errors.count && found.count == 33)
        for (one, other) in zip(found, golden.errors) { #expect(abs(one - other) < 1e-5) }
    }

    @Test("the losses and the norms of the gradient of ten clipped steps of Adam, with a target network")
    func steps() throws {
        let golden = try Golden.read()
        let learner = try golden.makeLearner()
        for (step, (loss, norm)) in zip(golden.losses, golden.norms).enumerated() {
            // Each time other actors live the same: what is new are the same sequences.
            let report = try learner.update([
                batch(golden.rollouts, actors: (0..<golden.sequences).map { golden.sequences * step + $0 })
            ])
            #expect(abs((report.measures[.valueLoss] ?? .nan) - loss) < 1e-4 * (1 + loss), "step \(step)")
            #expect(abs((report.measures[.gradientNorm] ?? .nan) - norm) < 1e-4 * (1 + norm), "step \(step)")
        }
        #expect(golden.norms.allSatisfy { $0 > golden.gradientClip })
    }
}
