import Agents
import Environments
import Experience
import Foundation
import Neural
import TestSupport
import Testing

@Suite("DQN(Q-lambda) on pictures and on the states that they are drawn of")
struct QLambdaSightTests {
    /// A pool of a few steps, seen in 8 x 12 pixels.
    private func pool(store: WatermazeSettings.Stored = .states) throws -> WatermazeTasks {
        var settings = WatermazeSettings()
        (settings.width, settings.height, settings.horizon) = (12, 8, 7)
        (settings.move, settings.largestRadius) = (220, 400)
        settings.stored = store
        return try WatermazeTasks(settings: settings)
    }

    /// Sequences of 6, a new one every 2, three in a batch; one stage of two channels.
    private func settings(_ sees: QLambdaSettings.Sight, norms: Bool = false) -> QLambdaSettings {
        var settings = QLambdaSettings()
        settings.sees = sees
        settings.hidden = [6, 5]
        (settings.sequenceLength, settings.overlap, settings.rolloutLength) = (6, 4, 4)
        (settings.batchSequences, settings.replayShare, settings.replayTransitions) = (3, 0.5, 60)
        (settings.learningRate, settings.targetInterval) = (1e-2, 3)
        (settings.exploration, settings.explorationTransitions) = (0.3, 200)
        var encoder = ResidualEncoder.Settings()
        (encoder.channels, encoder.blocks, encoder.units, encoder.batchNorm) = ([2], 1, 3, norms)
        settings.encoder = ImageEncoderChoice(ResidualEncoder.self, encoder)
        return settings
    }

    private func lifetime(
        _ settings: QLambdaSettings, _ tasks: WatermazeTasks, groups: Int = 1
    ) throws -> LocalLifetime {
        try LocalLifetime(
            algorithm: .qLambda(settings), tasks: tasks, task: try tasks.task(3), repetition: 0, seed: 4, actors: 3,
            groups: groups)
    }

    private func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { raw in
            (0..<(raw.count / 4)).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    /// The values of a state's actions, in Double.
    private func reference(
        _ settings: QLambdaSettings, _ tasks: WatermazeTasks
    ) throws -> (count: Int, values: (_ parameters: [Double], _ state: [UInt8]) -> [Double]) {
        let view = try #require(try tasks.view(of: try tasks.task(3)))
        switch settings.sees {
        case .state:
            let shape = PerceptronShape(inputs: 5, hidden: settings.hidden, outputs: 8)
            let perceptron = ReferencePerceptron(shape: shape, activation: settings.activation)
            return (
                shape.parameterCount,
                { parameters, state in
                    let pose = floats(state).map(Double.init)
                    let angle = pose[2] * .pi / 180
                    return perceptron.outputs(
                        parameters, inputs: [pose[0] / 760, pose[1] / 760, cos(angle), sin(angle), pose[3]])
                }
            )
        case .pixels:
            let layout = try ImageEncoderLayout(
                settings.encoder, image: ImageSize(height: 8, width: 12, colours: 3), head: ("values", 8))
            let network = ReferenceResNet(layout: layout)
            return (
                layout.parameters.count,
                { parameters, state in
                    var picture = [UInt8](repeating: 0, count: 8 * 12 * 3)
                    view.see(state, count: 1, into: &picture)
                    return network.values(parameters, picture)
                }
            )
        }
    }

    @Test(
        "the gradient is that of Peng's Q(lambda), by finite differences in Double",
        arguments: QLambdaSettings.Sight.allCases)
    func gradient(sees: QLambdaSettings.Sight) throws {
        let tasks = try pool()
        var settings = settings(sees)
        (settings.rolloutLength, settings.replayShare, settings.replayTransitions) = (12, 0, 400)
        let lifetime = try lifetime(settings, tasks)
        let batches = try lifetime.collect(episodeLimit: .max)
        let learner = try #require(lifetime.learner as? QLambdaLearner)
        let (found, loss) = try #require(try learner.gradient(batches))
        let reference = try reference(settings, tasks)
        #expect(found.count == reference.count)

        let states = batches[0].observations
        let rewards = batches[0].rewards
        let rows = (0..<12).map { row in
            ReferenceActorCritic.Row(
                components: [row], action: Int(batches[0].actions[row]), reward: Double(rewards[row]),
                truncated: batches[0].truncations[row] != 0)
        }
        // The first actor's first three sequences.
        let q = ReferenceQLambda(settings, components: [12], actions: 8)
        let sequences = q.sequences(q.items(rows)).prefix(3)
        func values(_ parameters: [Double], _ row: Int) -> [Double] {
            reference.values(parameters, Array(states[(16 * row)..<(16 * row + 16)]))
        }
        let parameters = learner.parameters.map(Double.init)
        let goals = sequences.map { sequence in
            q.returns(sequence) { values(parameters, $0[0]).max() ?? 0 }
        }
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

    @Test("actors take the action that the learner's network values most", arguments: QLambdaSettings.Sight.allCases)
    func greedy(sees: QLambdaSettings.Sight) throws {
        let tasks = try pool()
        var settings = settings(sees)
        (settings.exploration, settings.explorationTransitions) = (0, 0)
        let lifetime = try lifetime(settings, tasks)
        for _ in 0..<6 { _ = try lifetime.learn(from: try lifetime.collect(episodeLimit: .max)) }
        let learner = try #require(lifetime.learner as? QLambdaLearner)
        let parameters = learner.parameters.map(Double.init)
        let batches = try lifetime.collect(episodeLimit: .max)
        let reference = try reference(settings, tasks)
        var clear = 0
        for (row, action) in batches[0].actions.enumerated() {
            let values = reference.values(parameters, Array(batches[0].observations[(16 * row)..<(16 * row + 16)]))
            let sorted = values.sorted(by: >)
            guard sorted[0] - sorted[1] > 1e-5 else { continue }
            clear += 1
            #expect(values[Int(action)] == sorted[0])
        }
        #expect(clear > 6)
    }

    private func rounds(
        _ settings: QLambdaSettings, _ tasks: WatermazeTasks, groups: Int = 1, restoring: Bool = false
    ) throws -> (actions: [UInt8], learner: [UInt8]) {
        try livedRounds(groups: groups, restoring: restoring) { try lifetime(settings, tasks, groups: $0) }
    }

    @Test(
        "threads, processes, and a learner that comes back change nothing, with batch norms and dropout too",
        arguments: ["state", "resnet", "norms", "conv"])
    func sameBits(network: String) throws {
        let tasks = try pool()
        var settings = settings(network == "state" ? .state : .pixels, norms: network == "norms")
        if network == "conv" {
            var encoder = ConvolutionalEncoder.Settings()
            (encoder.channels, encoder.kernel, encoder.units) = ([2], 3, 4)
            settings.encoder = ImageEncoderChoice(ConvolutionalEncoder.self, encoder)
        }
        let whole = try rounds(settings, tasks)
        #expect(try rounds(settings, tasks, groups: 3) == whole)
        #expect(try rounds(settings, tasks, restoring: true) == whole)
        settings.threads = 2
        #expect(try rounds(settings, tasks) == whole)
    }

    @Test("pictures that are stored teach the same as those that are drawn when they are needed")
    func stored() throws {
        func parameters(_ store: WatermazeSettings.Stored) throws -> [Float] {
            let lifetime = try lifetime(settings(.pixels), try pool(store: store))
            for _ in 0..<10 { _ = try lifetime.learn(from: try lifetime.collect(episodeLimit: .max)) }
            return lifetime.learner.actingParameters
        }
        #expect(try parameters(.frames) == parameters(.states))
    }

    @Test("the replay of the paper's 100,000 transitions takes 2.2 MB of states, and its whole state is announced")
    func size() throws {
        var small = QLambdaSettings()
        small.sees = .state
        small.hidden = [16]
        let environment = try WatermazeTasks().environment
        let needs = try SourceAlgorithm.qLambda(small).needs(environment: environment, actors: 16)
        #expect((2_200_000..<2_600_000).contains(needs.largestSavedBytes))
        let tasks = try pool()
        let lifetime = try lifetime(settings(.pixels), tasks)
        for _ in 0..<10 { _ = try lifetime.learn(from: try lifetime.collect(episodeLimit: .max)) }
        let announced = try SourceAlgorithm.qLambda(settings(.pixels)).needs(
            environment: tasks.environment, actors: 3)
        #expect(lifetime.learner.save().count <= announced.largestSavedBytes)
    }

    @Test("states that are not stored cannot be seen, and an encoder that leaves nothing of a picture is refused")
    func refusals() throws {
        #expect(throws: SourceAlgorithmError.self) { try lifetime(self.settings(.state), try pool(store: .frames)) }
        var settings = self.settings(.pixels)
        var encoder = ResidualEncoder.Settings()
        (encoder.channels, encoder.poolPadding) = ([2, 2, 2, 2, 2], 0)
        settings.encoder = ImageEncoderChoice(ResidualEncoder.self, encoder)
        #expect(throws: SourceAlgorithmError.self) { try lifetime(settings, try pool()) }
    }

    @Test("a state outside its space is refused and changes nothing", arguments: QLambdaSettings.Sight.allCases)
    func outside(sees: QLambdaSettings.Sight) throws {
        let lifetime = try lifetime(settings(sees), try pool())
        var batches = try lifetime.collect(episodeLimit: .max)
        let before = lifetime.learner.save()
        withUnsafeBytes(of: Float.nan) { nan in
            for byte in 0..<4 { batches[0].observations[32 + byte] = nan[byte] }
        }
        #expect(throws: SourceAlgorithmError.self) { try lifetime.learner.update(batches) }
        #expect(lifetime.learner.save() == before)
    }

    @Test("a teacher that sees states finds the platform ever more often")
    func learns() throws {
        var settings = QLambdaSettings()
        settings.sees = .state
        (settings.hidden, settings.learningRate) = ([64, 64], 1e-3)
        (settings.explorationTransitions, settings.rolloutLength) = (15_000, 9)
        var world = WatermazeSettings()
        (world.horizon, world.move, world.turn, world.largestRadius) = (25, 140, 45, 400)
        let tasks = try WatermazeTasks(settings: world)
        let lifetime = try LocalLifetime(
            algorithm: .qLambda(settings), tasks: tasks, task: try tasks.task(3), repetition: 0, seed: 1, actors: 16)
        var returns = EpisodeReturns()
        var (first, last) = ([Double](), [Double]())
        while !lifetime.isDone {
            let batches = try lifetime.collect(episodeLimit: 120)
            for episode in returns.add(batches, tasks.environment.rolloutLayout) {
                if episode.episode < 20 { first.append(episode.totalReward) }
                if episode.episode >= 100 { last.append(episode.totalReward) }
            }
            _ = try lifetime.learn(from: batches)
        }
        let (early, late) = (
            first.reduce(0, +) / Double(first.count), last.reduce(0, +) / Double(last.count)
        )
        #expect(late > early + 0.25 && late > 0.6, "from \(early) to \(late)")
    }
}
