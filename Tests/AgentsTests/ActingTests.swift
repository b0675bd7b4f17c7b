import Agents
import Environments
import Foundation
import Neural
import Testing

@Suite("Acting")
struct ActingTests {
    private let tasks = (try? DarkRoomTasks())

    @Test(
        "the heads of a row have the same bits in batches of 1, 2, 5, 25 and 100",
        arguments: [ActorCriticNetwork.Activation.relu, .tanh])
    func batchInvariance(activation: ActorCriticNetwork.Activation) {
        for hidden in [[128, 128, 128], [48, 20]] {
            let shape = ActorCriticShape(components: [9, 9], hidden: hidden, actions: 5)
            let network = ActorCriticNetwork(shape: shape, activation: activation)
            var numbers = Numbers(seed: 21)
            let parameters = shape.initialParameters(policyHeadScale: 1) { Float.random(in: 0..<1, using: &numbers) }
            let rows = (0..<100).flatMap { _ in
                [Int32.random(in: 0..<9, using: &numbers), 9 + Int32.random(in: 0..<9, using: &numbers)]
            }
            func heads(batchSize: Int) -> [UInt32] {
                stride(from: 0, to: 100, by: batchSize).flatMap { first in
                    rows.withUnsafeBufferPointer { rows in
                        network.forward(
                            parameters: parameters, components: rows.baseAddress! + 2 * first, rows: batchSize)
                    }
                    return (0..<(batchSize * shape.headWidth)).map { network.heads[$0].bitPattern }
                }
            }
            let whole = heads(batchSize: 100)
            #expect(Set(whole).count > 100)
            for size in [1, 2, 5, 25] { #expect(heads(batchSize: size) == whole, "\(hidden), batches of \(size)") }
        }
    }

    /// Actions of `keys` at the given observations after loading a learner's first parameters.
    private func actions(keys: [StreamKey], cells: [UInt8], step: UInt32, sharing: Bool = true) throws -> [UInt8] {
        let tasks = try #require(tasks)
        let actor = try ActorCriticActor(
            settings: ActorCriticSettings(), environment: tasks.environment, keys: keys,
            sharesEqualObservations: sharing)
        let learner = try SourceAlgorithm.actorCritic(ActorCriticSettings())
            .makeLearner(environment: tasks.environment, seed: 9, task: 0, repetition: 0)
        try learner.withParameters { try actor.load(parameters: $0) }
        var chosen = [UInt8](repeating: 255, count: keys.count)
        actor.act(
            observations: cells, episodes: [UInt64](repeating: 4, count: keys.count),
            steps: [UInt32](repeating: step, count: keys.count), actions: &chosen)
        return chosen
    }

    @Test("an actor acts the same alone, among others, and with or without the memory of equal observations")
    func independence() throws {
        var numbers = Numbers(seed: 22)
        let keys = (0..<60).map { StreamKey(seed: 5, task: 3, repetition: 1, actor: $0) }
        for step in 0..<20 {
            let cells = (0..<120).map { _ in UInt8.random(in: 0..<9, using: &numbers) }
            let together = try actions(keys: keys, cells: cells, step: UInt32(step))
            #expect(together.allSatisfy { $0 < 5 })
            #expect(try actions(keys: keys, cells: cells, step: UInt32(step), sharing: false) == together)
            let one = Int.random(in: 0..<60, using: &numbers)
            let alone = try actions(
                keys: [keys[one]], cells: [cells[2 * one], cells[2 * one + 1]], step: UInt32(step))
            #expect(alone == [together[one]])
        }
    }

    @Test("actions are as frequent as the policy says")
    func frequencies() throws {
        let tasks = try #require(tasks)
        let keys = (0..<20_000).map { StreamKey(seed: 6, task: 0, repetition: 0, actor: $0) }
        let cells = Array([[UInt8]](repeating: [2, 7], count: 20_000).joined())
        let chosen = try actions(keys: keys, cells: cells, step: 0)
        let learner = try SourceAlgorithm.actorCritic(ActorCriticSettings())
            .makeLearner(environment: tasks.environment, seed: 9, task: 0, repetition: 0)
        let reference = ReferenceActorCritic(
            shape: ActorCriticShape(components: [9, 9], hidden: [128, 128, 128], actions: 5),
            settings: ActorCriticSettings())
        let output = reference.forward(learner.parameters.map(Double.init), [2, 7])
        for action in 0..<5 {
            let share = Double(chosen.filter { $0 == action }.count) / 20_000
            // Five standard deviations.
            #expect(abs(share - exp(output.logProbabilities[action])) < 5 * (0.25 / 20_000).squareRoot())
        }
    }

    @Test("parameters of another network are refused")
    func refusedParameters() throws {
        let tasks = try #require(tasks)
        let actor = try SourceAlgorithm.actorCritic(ActorCriticSettings()).makeActor(
            environment: tasks.environment, keys: [StreamKey(seed: 0, task: 0, repetition: 0, actor: 0)])
        #expect(throws: SourceAlgorithmError.self) {
            try [Float](repeating: 0, count: 12).withUnsafeBufferPointer { try actor.load(parameters: $0) }
        }
    }

    @Test("settings out of range are refused by name")
    func refusedSettings() throws {
        func refused(_ name: String, _ change: (inout ActorCriticSettings) -> Void) {
            var settings = ActorCriticSettings()
            change(&settings)
            let error = #expect(throws: SourceAlgorithmError.self) { try settings.validate() }
            #expect(error?.description.contains(name) == true)
        }
        try ActorCriticSettings().validate()
        refused("hidden") { $0.hidden = [] }
        refused("hidden") { $0.hidden = [0] }
        refused("learningRate") { $0.learningRate = .nan }
        refused("learningRate") { $0.learningRate = 0 }
        refused("discount") { $0.discount = 1.01 }
        refused("lambda") { $0.lambda = -0.1 }
        refused("gradientClip") { $0.gradientClip = -1 }
        refused("adamBeta2") { $0.adamBeta2 = 1 }
        refused("rolloutLength") { $0.rolloutLength = 1 }
    }
}
