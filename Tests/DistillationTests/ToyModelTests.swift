import Distillation
import Environments
import Experience
import Files
import Foundation
import Models
import Neural
import Settings
import TestSupport
import Testing
import Toys

/// A kind of model that the registry does not have, added to it by one line.
@Suite("A model of another kind")
struct ToyModelTests {
    /// Streams of a rule that the context alone decides: after a reward the action is repeated, otherwise the next one
    /// follows.
    func data() throws -> StreamStore {
        let data = StreamStore(environment: smallEnvironment)
        for stream in 0..<4 {
            var columns = SyntheticColumns(episodes: 20, seed: UInt32(stream))
            for row in 1..<columns.actions.count {
                columns.actions[row] = rule(columns.actions[row - 1], columns.rewards[row - 1])
            }
            try data.append(
                observations: columns.observations, actions: columns.actions, rewards: columns.rewards,
                episodes: columns.episodes)
        }
        return data
    }

    /// What an executable says at its start.
    static func register() { RegisteredModel.registry.add(RegisteredModel(ToyKind.self)) }

    func rule(_ action: UInt8, _ reward: Float) -> UInt8 { reward > 0 ? action : (action + 1) % 3 }

    func trainer(threads: Int) throws -> Trainer {
        var training = smallTraining(threads: threads)
        training.steps = 300
        training.peakLearningRate = 3e-2
        training.labelSmoothing = 0
        training.maskingProbability = 0.1
        return try Trainer(
            model: ModelChoice(ToyKind.self).make(ModelSpaces(smallEnvironment), seed: 1), training: training,
            windows: WindowSettings(), data: data())
    }

    @Test("its gradients, those of its encoder among them, agree with differences of the loss")
    func gradients() throws {
        let model = try ModelChoice(ToyKind.self).make(ModelSpaces(smallEnvironment), seed: 2)
        let windows = 5
        let rows = windows * model.contextLength
        let columns = SyntheticColumns(episodes: rows / 6 + 1, seed: 3)
        let check = GradientCheck(
            model: model, windows: windows,
            rows: .init(
                observations: Array(columns.observations[..<(2 * rows)]),
                targets: columns.actions[..<rows].map { Int32($0) }, rewards: Array(columns.rewards[..<rows]),
                masked: (0..<rows).map { UInt8($0 % 5 == 0 ? $0 % 4 : 0) },
                taught: (0..<rows).map { $0 % 7 == 0 ? 0 : 1 }))
        let gradient = check.run(smoothing: 0.1).gradient
        for tensor in model.parameterLayout.tensors {
            for index in tensor.offset..<(tensor.offset + tensor.count) {
                let start = model.parameters.start[index]
                let objectives = [Float(0.02), -0.02].map { step in
                    model.parameters.start[index] = start + step
                    return check.run(smoothing: 0.1).objective
                }
                model.parameters.start[index] = start
                let difference = (objectives[0] - objectives[1]) / 0.04
                #expect(
                    abs(difference - Double(gradient.start[index])) < 1e-4,
                    "\(tensor.name), element \(index - tensor.offset)")
            }
        }
    }

    @Test("the same trainer lowers its loss, with any number of threads", arguments: [1, 3])
    func learns(threads: Int) throws {
        let trainer = try trainer(threads: threads)
        let first = try trainer.step()
        var last = first
        while !trainer.isFinished { last = try trainer.step() }
        #expect(first.loss > 0.9 && last.loss < 0.35, "from \(first.loss) to \(last.loss)")
    }

    @Test("it is saved and loaded by its name, and what acts in context with it does as the streams did")
    func actsInContext() async {
        // In a process of its own, because the registry is one for all of them.
        await #expect(processExitsWith: .success) {
            ToyModelTests.register()
            try ToyModelTests().actInContext()
        }
    }

    private func actInContext() throws {
        let trainer = try trainer(threads: 1)
        while !trainer.isFinished { _ = try trainer.step() }
        let model = try withFolder { folder in
            try trainer.saveCheckpoint(to: folder, smallDescription)
            return try Checkpoint(folder: folder).makeModel()
        }
        #expect(model.choice == trainer.model.choice && model.choice.name == "toy")
        #expect(model.parameters.values == trainer.model.parameters.values)

        let copies = 3
        let policy = try InContextPolicy(
            model: model, keys: (0..<copies).map { StreamKey(seed: 1, task: 2, repetition: 0, actor: $0) },
            settings: .init(temperature: 0))
        var streams = (0..<copies).map { SyntheticColumns(episodes: 6, seed: UInt32(50 + $0)) }
        var logits = [[Float]](repeating: [], count: copies)
        for row in 0..<36 {
            var actions = [UInt8](repeating: 9, count: copies)
            policy.act(
                observations: streams.flatMap { $0.observations[(2 * row)..<(2 * row + 2)] }, actions: &actions)
            policy.record(rewards: streams.map { $0.rewards[row] })
            for copy in 0..<copies {
                streams[copy].actions[row] = actions[copy]
                logits[copy] += policy.lastLogits(copy)
                guard row > 0 else { continue }
                #expect(actions[copy] == rule(streams[copy].actions[row - 1], streams[copy].rewards[row - 1]))
            }
        }
        #expect(policy.attention(of: 0) == nil)
        for (stream, acted) in zip(streams, logits) {
            let predicted = try Prediction.logits(
                model: model, environment: smallEnvironment, observations: stream.observations, actions: stream.actions,
                rewards: stream.rewards)
            #expect(largestDifference(acted, predicted) < 1e-5)
        }
    }

    @Test("a checkpoint of a kind that is not registered is refused with the kinds there are")
    func unknown() async {
        await #expect(processExitsWith: .success) {
            ToyModelTests.register()
            try ToyModelTests().refuseUnknown()
        }
    }

    private func refuseUnknown() throws {
        let checkpoint = try trainer(threads: 1).checkpoint(smallDescription)
        #expect(try checkpoint.configuration().model.name == "toy")
        let config = String(decoding: checkpoint.config, as: UTF8.self).replacingOccurrences(of: "toy", with: "top")
        #expect {
            try Checkpoint(model: checkpoint.model, config: Data(config.utf8)).makeModel()
        } throws: { "\($0)".contains("config.json: model.name: expected one of transformer, lstm, toy; 'top' came") }
    }

    @Test("no settings of it are those of a transformer")
    func choices() throws {
        var settings = ToyKind.Settings()
        settings.lags = 1
        #expect(ModelChoice(ToyKind.self) == ModelChoice(ToyKind.self))
        #expect(ModelChoice(ToyKind.self) != ModelChoice(ToyKind.self, settings))
        #expect(ModelChoice(ToyKind.self) != ModelChoice(Transformer.self))
    }
}
