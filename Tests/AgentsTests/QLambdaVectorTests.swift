import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

/// A point on a line with a velocity, which actions push; the reward is larger the nearer the point is to 0. What is seen is a
/// vector of two floats.
private struct PointTasks: TaskDistribution {
    let environment = EnvironmentDescription(
        name: "point", observationSpace: .box(shape: [2], type: .float32, low: -50, high: 50),
        actionSpace: .discrete(count: 3), horizon: 7, json: "{}")
    let count = 1
    func ids(of split: Split) -> [Int] { split == .train ? [0] : [] }
    func task(_ id: Int) throws -> Task { Task(id: id, split: .train, json: "{}") }
    func references(of task: Task) -> ReferenceReturns { ReferenceReturns() }
    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        Point(description: environment, keys: keys)
    }
}

private struct Point: Environment {
    let description: EnvironmentDescription
    let generators: [Philox]
    var states: [SIMD2<Float>]
    var steps: [Int]

    init(description: EnvironmentDescription, keys: [StreamKey]) {
        self.description = description
        generators = keys.map { Philox($0) }
        states = keys.map { _ in SIMD2() }
        steps = keys.map { _ in 0 }
    }

    var count: Int { generators.count }

    mutating func reset(_ index: Int, episode: UInt64) {
        states[index] = SIMD2(2 * generators[index].uniform(.environment, episode: episode, step: 0) - 1, 0)
        steps[index] = 0
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        observation.storeBytes(of: states[index].x, as: Float.self)
        observation.storeBytes(of: states[index].y, toByteOffset: 4, as: Float.self)
    }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        for index in 0..<count {
            let action = actions.load(fromByteOffset: index, as: UInt8.self)
            states[index].y += 0.2 * (Float(action) - 1)
            states[index].x += states[index].y
            steps[index] += 1
            rewards[index] = 1 - min(1, abs(states[index].x))
            terminations[index] = 0
            truncations[index] = steps[index] == 7 ? 1 : 0
        }
    }
}

@Suite("DQN(Q-lambda) on vectors of floats")
struct QLambdaVectorTests {
    private let tasks = PointTasks()

    private func settings() -> QLambdaSettings {
        var settings = QLambdaSettings()
        settings.hidden = [6, 5]
        (settings.sequenceLength, settings.overlap, settings.rolloutLength) = (6, 4, 4)
        (settings.batchSequences, settings.replayShare, settings.replayTransitions) = (3, 0.5, 60)
        (settings.learningRate, settings.targetInterval) = (1e-2, 3)
        (settings.exploration, settings.explorationTransitions) = (0.3, 200)
        return settings
    }

    private func lifetime(_ settings: QLambdaSettings, groups: Int = 1) throws -> LocalLifetime {
        try LocalLifetime(
            algorithm: .qLambda(settings), tasks: tasks, task: try tasks.task(0), repetition: 0, seed: 4, actors: 3,
            groups: groups)
    }

    private func floats(_ bytes: ArraySlice<UInt8>) -> [Double] {
        bytes.withUnsafeBytes { raw in
            (0..<(raw.count / 4)).map { Double(raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)) }
        }
    }

    @Test("the gradient is that of Peng's Q(lambda), by finite differences in Double") func gradient() throws {
        var settings = settings()
        (settings.rolloutLength, settings.replayShare, settings.replayTransitions) = (12, 0, 400)
        let lifetime = try lifetime(settings)
        let batches = try lifetime.collect(episodeLimit: .max)
        let learner = try #require(lifetime.learner as? QLambdaLearner)
        let (found, loss) = try #require(try learner.gradient(batches))
        let perceptron = ReferencePerceptron(
            shape: PerceptronShape(inputs: 2, hidden: settings.hidden, outputs: 3), activation: settings.activation)
        #expect(found.count == perceptron.shape.parameterCount)
        let rewards = batches[0].rewards
        let rows = (0..<12).map { row in
            ReferenceActorCritic.Row(
                components: [row], action: Int(batches[0].actions[row]), reward: Double(rewards[row]),
                truncated: batches[0].truncations[row] != 0)
        }
        // The first actor's first three sequences.
        let q = ReferenceQLambda(settings, components: [12], actions: 3)
        let sequences = q.sequences(q.items(rows)).prefix(3)
        func values(_ parameters: [Double], _ row: Int) -> [Double] {
            perceptron.outputs(parameters, inputs: floats(batches[0].observations[(8 * row)..<(8 * row + 8)]))
        }
        let parameters = learner.parameters.map(Double.init)
        let goals = sequences.map { sequence in q.returns(sequence) { values(parameters, $0[0]).max() ?? 0 } }
        func objective(_ parameters: [Double]) -> Double {
            let known = (0..<12).map { values(parameters, $0) }
            var (sum, count) = (0.0, 0.0)
            for (sequence, goals) in zip(sequences, goals) {
                for (item, goal) in zip(sequence, goals) {
                    guard let goal, let action = item.action else { continue }
                    let error = goal - known[item.components[0]][action]
                    sum += error * error / 2
                    count += 1
                }
            }
            return sum / count
        }
        #expect(abs(loss - objective(parameters)) < 1e-5)
        for index in parameters.indices {
            var nudged = parameters
            nudged[index] += 1e-6
            let above = objective(nudged)
            nudged[index] -= 2e-6
            let expected = (above - objective(nudged)) / 2e-6
            #expect(abs(Double(found[index]) - expected) < 2e-6 + 2e-4 * abs(expected), "parameter \(index)")
        }
    }

    @Test("how many processes carry the actors, and a learner that comes back, change nothing") func sameBits() throws {
        func rounds(groups: Int = 1, restoring: Bool = false) throws -> (actions: [UInt8], learner: [UInt8]) {
            try livedRounds(groups: groups, restoring: restoring) { try lifetime(settings(), groups: $0) }
        }
        let whole = try rounds()
        #expect(try rounds(groups: 3) == whole)
        #expect(try rounds(restoring: true) == whole)
    }

    @Test("learns to stay near the middle") func learns() throws {
        var settings = settings()
        settings.hidden = [32, 32]
        (settings.learningRate, settings.replayTransitions, settings.targetInterval) = (3e-3, 4000, 20)
        (settings.exploration, settings.firstExploration, settings.explorationTransitions) = (0.05, 1, 2000)
        (settings.sequenceLength, settings.overlap, settings.batchSequences) = (8, 4, 8)
        let lifetime = try lifetime(settings)
        var means: [Double] = []
        for _ in 0..<1500 {
            let batches = try lifetime.collect(episodeLimit: .max)
            let rewards = batches.flatMap(\.rewards)
            means.append(rewards.reduce(0) { $0 + Double($1) } / Double(rewards.count))
            _ = try lifetime.learn(from: batches)
        }
        let (early, late) = (means.prefix(150), means.suffix(150))
        let (first, last) = (early.reduce(0, +) / 150, late.reduce(0, +) / 150)
        #expect(last > first + 0.15, "from \(first) to \(last)")
    }
}
