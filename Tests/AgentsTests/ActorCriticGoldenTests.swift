import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

/// What `scripts/make_golden.py` wrote about the network of Table 4 and its loss.
private struct Golden: Decodable {
    struct Losses: Decodable {
        let policy: Double
        let value: Double
        let entropy: Double
        let norm: Double
    }

    let counts: [Int]
    let actions: Int
    let hidden: [Int]
    let rollouts: Int
    let length: Int
    let discount: Double
    let lambda: Double
    let entropyCoefficient: Double
    let valueCoefficient: Double
    let learningRate: Double
    let gradientClip: Double
    let adamEpsilon: Double
    let components: [Int]
    let chosen: [Int]
    let rewards: [Double]
    let ends: [Bool]
    let losses: [Losses]

    var settings: ActorCriticSettings {
        var settings = ActorCriticSettings()
        settings.hidden = hidden
        settings.discount = discount
        settings.lambda = lambda
        settings.entropyCoefficient = entropyCoefficient
        settings.valueCoefficient = valueCoefficient
        settings.learningRate = learningRate
        settings.gradientClip = gradientClip
        settings.adamEpsilon = adamEpsilon
        return settings
    }

    var shape: PerceptronShape { PerceptronShape(components: counts, hidden: hidden, outputs: actions + 1) }

    var batch: RolloutBatch {
        let rows = (0..<(rollouts * length)).map { row in
            ReferenceActorCritic.Row(
                components: Array(components[(row * counts.count)..<((row + 1) * counts.count)]), action: chosen[row],
                reward: rewards[row], terminated: ends[row],
                final: ends[row] ? [Int](repeating: 0, count: counts.count) : nil)
        }
        return AgentsTests.batch(
            (0..<rollouts).map { Array(rows[($0 * length)..<(($0 + 1) * length)]) }, actors: Array(0..<rollouts))
    }

    static func data(_ name: String) throws -> Data {
        try Data(contentsOf: #require(Bundle.module.url(forResource: "Golden/\(name)", withExtension: nil)))
    }
}

/// PyTorch's tensors (outputs, inputs) and where their numbers lie in ours, (inputs, width).
private struct TensorMap {
    let layout: ParameterLayout
    /// For every number of the layout's tensors, in their order: its place in the learner's flat buffer.
    let places: [[Int]]

    init(_ shape: PerceptronShape) {
        var layout = ParameterLayout()
        var places: [[Int]] = []
        for layer in 0..<shape.layerCount {
            let (inputs, outputs) = (shape.inputs(of: layer), shape.units(of: layer))
            _ = layout.add("layers.\(layer).weight", [outputs, inputs])
            _ = layout.add("layers.\(layer).bias", [outputs])
            places.append(
                (0..<(outputs * inputs)).map {
                    shape.weightOffsets[layer] + $0 % inputs * shape.widths[layer] + $0 / inputs
                })
            places.append((0..<outputs).map { shape.biasOffsets[layer] + $0 })
        }
        self.layout = layout
        self.places = places
    }
}

@Suite("The actor-critic against PyTorch")
struct ActorCriticGoldenTests {
    /// A learner with the parameters that the script makes by the same rule.
    private func learner(_ golden: Golden, _ map: TensorMap) throws -> ActorCriticLearner {
        let learner = try ActorCriticLearner(
            settings: golden.settings,
            scene: Scene(environment: describe(components: golden.counts, actions: golden.actions)),
            seed: 0, task: 0, repetition: 0)
        var number: UInt64 = 0
        learner.withParameters { parameters in
            let target = UnsafeMutableBufferPointer(mutating: parameters)
            for (index, places) in map.places.enumerated() {
                let inputs = Double(golden.shape.inputs(of: index / 2))
                for place in places {
                    let unit = Double(number &* 2_654_435_761 % (1 << 32)) / Double(1 << 32) - 0.5
                    target[place] = Float(Double(Float(unit)) * 2 / inputs.squareRoot())
                    number += 1
                }
            }
        }
        return learner
    }

    private func gradients(_ map: TensorMap) throws -> FloatBuffer {
        let file = try Safetensors(Golden.data("actor-critic.safetensors"), name: "actor-critic")
        let buffer = FloatBuffer(map.layout.count)
        try file.read(map.layout, prefix: "gradients.", into: buffer)
        return buffer
    }

    @Test("losses and the gradient of every tensor")
    func gradient() throws {
        let golden = try JSONDecoder().decode(Golden.self, from: Golden.data("actor-critic.json"))
        let map = TensorMap(golden.shape)
        let (found, report) = try learner(golden, map).gradient([golden.batch])
        let expected = try gradients(map).values
        for (tensor, places) in zip(map.layout.tensors, map.places) {
            let wanted = Array(expected[tensor.offset..<(tensor.offset + tensor.count)])
            let largest = wanted.reduce(0) { max($0, abs($1)) }
            let worst = largestDifference(places.map { found[$0] }, wanted)
            #expect(largest > 0 && worst <= 1e-4 * largest, "\(tensor.name): \(worst), largest \(largest)")
        }
        expect(report, golden.losses[0], tolerance: 1e-5)
    }

    @Test("the losses of ten clipped steps of Adam")
    func steps() throws {
        let golden = try JSONDecoder().decode(Golden.self, from: Golden.data("actor-critic.json"))
        let learner = try learner(golden, TensorMap(golden.shape))
        for losses in golden.losses { expect(try learner.update([golden.batch]), losses, tolerance: 1e-4) }
    }

    private func expect(
        _ report: UpdateReport, _ losses: Golden.Losses, tolerance: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let pairs = [
            ((report.measures[.policyLoss] ?? .nan), losses.policy),
            ((report.measures[.valueLoss] ?? .nan), losses.value),
            ((report.measures[.policyEntropy] ?? .nan), losses.entropy),
            ((report.measures[.gradientNorm] ?? .nan), losses.norm),
        ]
        for (found, expected) in pairs {
            #expect(
                abs(found - expected) < tolerance * (1 + abs(expected)), "\(found), expected \(expected)",
                sourceLocation: sourceLocation)
        }
    }

    @Test("logits")
    func heads() throws {
        let golden = try JSONDecoder().decode(Golden.self, from: Golden.data("actor-critic.json"))
        let (shape, rows) = (golden.shape, golden.chosen.count)
        var layout = ParameterLayout()
        _ = layout.add("", [golden.rollouts, golden.length, golden.actions])
        let logits = FloatBuffer(layout.count)
        let data = try Golden.data("actor-critic.safetensors")
        try Safetensors(data, name: "actor-critic").read(layout, prefix: "logits", into: logits)
        let network = PerceptronNetwork(shape: shape, activation: .relu)
        let width = golden.counts.count
        let components = golden.components.indices.map {
            Int32(golden.counts[..<($0 % width)].reduce(0, +) + golden.components[$0])
        }
        try learner(golden, TensorMap(shape)).withParameters {
            network.forward(parameters: try #require($0.baseAddress), components: components, rows: rows)
        }
        for row in 0..<rows {
            for action in 0..<golden.actions {
                let expected = logits.start[row * golden.actions + action]
                #expect(abs(network.heads[row * shape.headWidth + action] - expected) < 1e-5)
            }
        }
    }
}
