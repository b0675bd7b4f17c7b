import Distillation
import Environments
import Experience
import Foundation
import Models
import Neural
import TestSupport
import Testing

/// Models that see vectors of floats, through a linear layer.
@Suite("Models of vectors") struct VectorModelTests {
    enum Case: String, CaseIterable, Sendable {
        case merged, separate, lstm

        func model() throws -> any SequenceModel {
            let spaces = try ModelSpaces(environment)
            switch self {
            case .merged, .separate:
                let settings = smallSettings(layout: self == .separate ? .separate : .merged)
                return try ModelChoice(Transformer.self, settings).make(spaces, seed: 4)
            case .lstm: return try ModelChoice(LSTMModelKind.self, smallLSTMSettings()).make(spaces, seed: 4)
            }
        }
    }

    private static let environment = madeUpEnvironment(
        .box(shape: [3], type: .float32, low: -9, high: 9), .discrete(count: 3))

    /// Columns whose action says which of the three numbers is the largest.
    private struct Columns {
        var observations: [UInt8] = []
        var actions: [UInt8] = []
        var rewards: [Float] = []

        init(rows: Int, seed: UInt32) {
            let generator = Philox(key0: seed, key1: 3)
            for row in 0..<rows {
                let words = generator.block(UInt32(row), 0, 0, 0)
                let numbers = (0..<3).map { 2 * Philox.unit(words[$0]) - 1 }
                numbers.withUnsafeBytes { observations += $0 }
                actions.append(UInt8(numbers.indices.max { numbers[$0] < numbers[$1] } ?? 0))
                rewards.append(Philox.unit(words.w))
            }
        }
    }

    @Test(
        "gradients, those of the linear layer among them, agree with differences of the loss", arguments: Case.allCases)
    func gradients(which: Case) throws {
        let model = try which.model()
        makeEverythingCount(in: model)
        let rows = 3 * model.contextLength
        let columns = Columns(rows: rows, seed: 3)
        let check = GradientCheck(
            model: model, windows: 3,
            rows: .init(
                observations: columns.observations, targets: columns.actions.map { Int32($0) },
                rewards: columns.rewards,
                masked: (0..<rows).map { UInt8($0 % 5 == 0 ? $0 % 4 : 0) },
                taught: (0..<rows).map { $0 % 7 == 0 ? 0 : 1 }))
        let gradient = check.run(smoothing: 0.1).gradient
        let tensors = model.parameterLayout.tensors.filter { $0.name.hasPrefix("embed.observation") }
        let width = which == .lstm ? 8 : 24
        #expect(tensors.map(\.name) == ["embed.observation.weight", "embed.observation.bias"])
        #expect(tensors.map(\.shape) == [[width, 3], [width]])
        for tensor in tensors {
            for index in tensor.offset..<(tensor.offset + tensor.count) {
                let start = model.parameters.start[index]
                let step: Float = 2e-3
                let objectives = [step, -step].map { distance in
                    model.parameters.start[index] = start + distance
                    return check.run(smoothing: 0.1).objective
                }
                model.parameters.start[index] = start
                let expected = (objectives[0] - objectives[1]) / Double(2 * step)
                let found = Double(gradient.start[index])
                #expect(
                    abs(expected - found) < 3e-4 + 2e-2 * abs(expected),
                    "\(tensor.name), element \(index - tensor.offset): \(found), by differences \(expected)")
            }
        }
    }

    @Test("a trainer lowers the loss by what the vectors say, with any number of threads", arguments: Case.allCases)
    func training(which: Case) throws {
        let store = StreamStore(environment: Self.environment)
        for stream in 0..<3 {
            let columns = Columns(rows: 48, seed: UInt32(10 + stream))
            try store.append(
                observations: columns.observations, actions: columns.actions, rewards: columns.rewards,
                episodes: (0..<8).map { ($0 * 6)..<($0 * 6 + 6) })
        }
        var training = smallTraining(threads: 2)
        (training.batchSize, training.maskingProbability, training.labelSmoothing) = (6, 0.2, 0)
        training.peakLearningRate = 1e-2
        let trainer = try Trainer(model: which.model(), training: training, windows: WindowSettings(), data: store)
        let first = try trainer.step()
        var last = first
        while !trainer.isFinished { last = try trainer.step() }
        #expect(last.loss < 0.8 * first.loss, "from \(first.loss) to \(last.loss)")
    }

    @Test("acting gives the logits of predict, before and after the context is full", arguments: Case.allCases)
    func acting(which: Case) throws {
        let model = try which.model()
        let columns = (0..<3).map { Columns(rows: which == .lstm ? 18 : 30, seed: UInt32(20 + $0)) }
        let policy = try InContextPolicy(
            model: model, keys: (0..<3).map { StreamKey(seed: 8, task: 2, repetition: 0, actor: $0) })
        var found = [[Float]](repeating: [], count: 3)
        for row in columns[0].actions.indices {
            policy.show(
                observations: columns.flatMap { $0.observations[(12 * row)..<(12 * row + 12)] },
                actions: columns.map { $0.actions[row] }, rewards: columns.map { $0.rewards[row] })
            for copy in 0..<3 { found[copy] += policy.lastLogits(copy) }
        }
        for copy in 0..<3 {
            let logits = try Prediction.logits(
                model: model, environment: Self.environment, observations: columns[copy].observations,
                actions: columns[copy].actions, rewards: columns[copy].rewards)
            #expect(largestDifference(found[copy], logits) < 1e-5)
        }
    }
}
