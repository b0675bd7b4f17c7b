import Agents
import Environments
import Experience
import Foundation
import Neural
import Settings
import TestSupport
import Testing

@Suite("Acting")
struct ActingTests {
    private let tasks = (try? DarkRoomTasks())

    @Test(
        "the heads of a row have the same bits in batches of 1, 2, 5, 25 and 100",
        arguments: [PerceptronNetwork.Activation.relu, .tanh])
    func batchInvariance(activation: PerceptronNetwork.Activation) {
        for hidden in [[128, 128, 128], [48, 20]] {
            let shape = PerceptronShape(components: [9, 9], hidden: hidden, outputs: 6)
            let network = PerceptronNetwork(shape: shape, activation: activation)
            var numbers = Numbers(seed: 21)
            let parameters = shape.initialParameters { Float.random(in: 0..<1, using: &numbers) }
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

    /// The ways in which a policy is computed.
    private enum Way: CaseIterable { case table, sharedRows, distinctRows }

    /// Actions of `keys` at the given observations after loading a learner's first parameters.
    private func actions(keys: [StreamKey], cells: [UInt8], step: UInt32, by way: Way = .table) throws -> [UInt8] {
        let tasks = try #require(tasks)
        let (settings, environment) = (ActorCriticSettings(), tasks.environment)
        let learner = try firstLearner(tasks)
        let actor: any SourceActor
        if way == .table {
            actor = try SourceAlgorithm.actorCritic(settings).makeActor(environment: environment, keys: keys)
            #expect(actor is TabularActor)
            try learner.withActingParameters { try actor.load(parameters: $0) }
        } else {
            actor = try NetworkActor(
                settings: settings, environment: environment, keys: keys, sharesEqualObservations: way == .sharedRows)
            try learner.withParameters { try actor.load(parameters: $0) }
        }
        var chosen = [UInt8](repeating: 255, count: keys.count)
        actor.act(
            observations: cells, episodes: [UInt64](repeating: 4, count: keys.count),
            steps: [UInt32](repeating: step, count: keys.count), actions: &chosen)
        return chosen
    }

    private func firstLearner(_ tasks: DarkRoomTasks) throws -> ActorCriticLearner {
        try ActorCriticLearner(
            settings: ActorCriticSettings(), scene: Scene(environment: tasks.environment), seed: 9, task: 0,
            repetition: 0)
    }

    @Test("an actor acts the same alone, among others, by a table, and with or without memory of equal observations")
    func independence() throws {
        var numbers = Numbers(seed: 22)
        let keys = (0..<60).map { StreamKey(seed: 5, task: 3, repetition: 1, actor: $0) }
        for step in 0..<20 {
            let cells = (0..<120).map { _ in UInt8.random(in: 0..<9, using: &numbers) }
            let together = try actions(keys: keys, cells: cells, step: UInt32(step))
            #expect(together.allSatisfy { $0 < 5 })
            let one = Int.random(in: 0..<60, using: &numbers)
            for way in Way.allCases {
                #expect(try actions(keys: keys, cells: cells, step: UInt32(step), by: way) == together)
                let alone = try actions(
                    keys: [keys[one]], cells: [cells[2 * one], cells[2 * one + 1]], step: UInt32(step), by: way)
                #expect(alone == [together[one]])
            }
        }
    }

    @Test("actions are as frequent as the policy says")
    func frequencies() throws {
        let tasks = try #require(tasks)
        let keys = (0..<20_000).map { StreamKey(seed: 6, task: 0, repetition: 0, actor: $0) }
        let cells = Array([[UInt8]](repeating: [2, 7], count: 20_000).joined())
        let chosen = try actions(keys: keys, cells: cells, step: 0)
        let learner = try firstLearner(tasks)
        let reference = ReferenceActorCritic(
            shape: PerceptronShape(components: [9, 9], hidden: [128, 128, 128], outputs: 6),
            settings: ActorCriticSettings())
        let output = reference.forward(learner.parameters.map(Double.init), [2, 7])
        for action in 0..<5 {
            let share = Double(chosen.filter { $0 == action }.count) / 20_000
            // Five standard deviations.
            #expect(abs(share - exp(output.logProbabilities[action])) < 5 * (0.25 / 20_000).squareRoot())
        }
    }

    @Test("what does not fit the actor is refused, and what it had before stays", arguments: [true, false])
    func refusedParameters(isTabular: Bool) throws {
        let tasks = try #require(tasks)
        let keys = (0..<81).map { StreamKey(seed: 0, task: 0, repetition: 0, actor: $0) }
        let (settings, environment) = (ActorCriticSettings(), tasks.environment)
        let actor: any SourceActor =
            isTabular
            ? try SourceAlgorithm.actorCritic(settings).makeActor(environment: environment, keys: keys)
            : try NetworkActor(settings: settings, environment: environment, keys: keys)
        // Always the third action.
        if isTabular {
            try load((0..<81).flatMap { _ in [0, 0, 1, 0, 0] as [Float] }, actor)
        } else {
            try firstLearner(tasks).withParameters { try actor.load(parameters: $0) }
        }
        let before = everywhere(actor)
        if isTabular { #expect(before == [UInt8](repeating: 2, count: 81)) }
        #expect(throws: SourceAlgorithmError.self) { try load([Float](repeating: 0.2, count: 12), actor) }
        let wrong: [[Float]] = [
            [0.1, 0.1, 0.1, 0.1, 0], [1, 1, 1, 0, 0], [-0.5, 1.5, 0, 0, 0], [.nan, 1, 0, 0, 0],
            [.infinity, 0, 0, 0, 0],
        ]
        for row in isTabular ? wrong : [] {
            let table = (0..<80).flatMap { _ in [1, 0, 0, 0, 0] as [Float] } + row
            #expect(throws: SourceAlgorithmError.self) { try load(table, actor) }
        }
        #expect(everywhere(actor) == before)
    }

    private func load(_ parameters: [Float], _ actor: any SourceActor) throws {
        try parameters.withUnsafeBufferPointer { try actor.load(parameters: $0) }
    }

    /// Actions of 81 actors, each in a cell of its own.
    private func everywhere(_ actor: any SourceActor, episode: UInt64 = 0) -> [UInt8] {
        var chosen = [UInt8](repeating: 255, count: 81)
        actor.act(
            observations: (0..<81).flatMap { [UInt8($0 / 9), UInt8($0 % 9)] },
            episodes: [UInt64](repeating: episode, count: 81), steps: [UInt32](repeating: 3, count: 81),
            actions: &chosen)
        return chosen
    }

    @Test("a learner's table chooses what its network chooses, after its first parameters, an update and a restoration")
    func tables() throws {
        let tasks = try #require(tasks)
        let keys = (0..<81).map { StreamKey(seed: 5, task: 3, repetition: 1, actor: $0) }
        let source = SourceAlgorithm.actorCritic(ActorCriticSettings())
        let tabular = try source.makeActor(environment: tasks.environment, keys: keys)
        #expect(tabular is TabularActor)
        let network = try NetworkActor(
            settings: ActorCriticSettings(), environment: tasks.environment, keys: keys)
        let learner = try firstLearner(tasks)
        func expectEqual(_ when: String) throws {
            try learner.withActingParameters { try tabular.load(parameters: $0) }
            try learner.withParameters { try network.load(parameters: $0) }
            for episode in 0..<30 {
                let (one, other) = (
                    everywhere(tabular, episode: UInt64(episode)), everywhere(network, episode: UInt64(episode))
                )
                #expect(one == other, "\(when)")
            }
            #expect(learner.actingParameters.count == 81 * 5)
        }
        try expectEqual("at first")
        let first = learner.actingParameters
        let saved = learner.save()
        let lifetime = try LocalLifetime(
            algorithm: source, tasks: tasks, task: try tasks.task(0), repetition: 0, seed: 9, actors: 4)
        for _ in 0..<3 { _ = try learner.update(try lifetime.collect(episodeLimit: .max)) }
        try expectEqual("after updates")
        #expect(learner.actingParameters != first)
        try learner.restore(saved)
        try expectEqual("after a restoration")
        #expect(learner.actingParameters == first)
    }

    @Test(
        "a table has its rows in the order of the components, whatever their sizes",
        arguments: [[3, 5, 2], [300], [7]])
    func order(components: [Int]) throws {
        let environment = EnvironmentDescription(
            name: "imagined",
            observationSpace: components.count == 1
                ? .discrete(count: components[0]) : .multiDiscrete(counts: components),
            actionSpace: .discrete(count: 4), horizon: 10, json: "{}")
        let count = components.reduce(1, *)
        let keys = (0..<count).map { StreamKey(seed: 1, task: 2, repetition: 3, actor: $0) }
        let learner = try ActorCriticLearner(
            settings: ActorCriticSettings(), scene: Scene(environment: environment), seed: 4, task: 0, repetition: 0)
        let tabular = try SourceAlgorithm.actorCritic(ActorCriticSettings()).makeActor(
            environment: environment, keys: keys)
        try #require(tabular is TabularActor)
        let network = try NetworkActor(
            settings: ActorCriticSettings(), environment: environment, keys: keys, sharesEqualObservations: false)
        try learner.withActingParameters { try tabular.load(parameters: $0) }
        try learner.withParameters { try network.load(parameters: $0) }
        // Every observation once, in an order of their own.
        var numbers = Numbers(seed: 23)
        let observations = (0..<count).shuffled(using: &numbers).flatMap { number in
            var rest = number
            return components.map { size in
                defer { rest /= size }
                return rest % size
            }
        }
        let isByte = environment.observationSpace.elementType == .uint8
        for episode in 0..<40 {
            let chosen = [tabular, network].map { (actor: any SourceActor) in
                var chosen = [UInt8](repeating: 255, count: count)
                let (episodes, steps) = (
                    [UInt64](repeating: UInt64(episode), count: count), [UInt32](repeating: 0, count: count)
                )
                if isByte {
                    actor.act(
                        observations: observations.map { UInt8($0) }, episodes: episodes, steps: steps, actions: &chosen
                    )
                } else {
                    actor.act(
                        observations: observations.map { Int32($0) }, episodes: episodes, steps: steps, actions: &chosen
                    )
                }
                return chosen
            }
            #expect(chosen[0] == chosen[1])
        }
    }

    @Test("actors load whichever is smaller, and no table with thousands of rows") func forms() throws {
        let keys = [StreamKey(seed: 0, task: 0, repetition: 0, actor: 0)]
        func isTabular(size: Int, hidden: [Int]) throws -> Bool {
            var settings = ActorCriticSettings()
            settings.hidden = hidden
            let environment = try DarkRoomTasks(settings: DarkRoomSettings(size: size)).environment
            let actor = try SourceAlgorithm.actorCritic(settings).makeActor(environment: environment, keys: keys)
            let learner = try SourceAlgorithm.actorCritic(settings).makeLearner(
                scene: Scene(environment: environment), seed: 0, task: 0, repetition: 0)
            try learner.withActingParameters { try actor.load(parameters: $0) }
            return actor is TabularActor
        }
        #expect(try isTabular(size: 9, hidden: [128, 128, 128]))
        #expect(try !isTabular(size: 17, hidden: [2]))
        #expect(try isTabular(size: 17, hidden: [128]))
        #expect(try !isTabular(size: 33, hidden: [512, 512]))
    }

    @Test("settings out of range are refused by name")
    func refusedSettings() throws {
        func refused(_ name: String, _ change: (inout ActorCriticSettings) -> Void) {
            var settings = ActorCriticSettings()
            change(&settings)
            let error = #expect(throws: SettingsError.self) { try settings.validate() }
            #expect(error?.description.contains(name) == true)
        }
        try ActorCriticSettings().validate()
        refused("hidden") { $0.hidden = [] }
        refused("hidden") { $0.hidden = [0] }
        refused("learning_rate") { $0.learningRate = .nan }
        refused("learning_rate") { $0.learningRate = 0 }
        refused("discount") { $0.discount = 1.01 }
        refused("lambda") { $0.lambda = -0.1 }
        refused("gradient_clip") { $0.gradientClip = -1 }
        refused("beta2") { $0.adamBeta2 = 1 }
        refused("rollout_length") { $0.rolloutLength = 1 }
    }
}
