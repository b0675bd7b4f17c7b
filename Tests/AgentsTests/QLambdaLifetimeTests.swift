import Agents
import Environments
import Experience
import TestSupport
import Testing

@Suite("A lifetime of DQN(Q-lambda)")
struct QLambdaLifetimeTests {
    private func settings() -> QLambdaSettings {
        var settings = QLambdaSettings()
        settings.hidden = [64, 64]
        settings.learningRate = 1e-3
        settings.explorationTransitions = 20_000
        return settings
    }

    /// The mean return of the actors' first and of their last episodes, as shares of the optimum.
    private func live(actors: Int, episodes: UInt64) throws -> (first: Double, last: Double) {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 5, horizon: 12), split: TaskSplit(testTasks: 4))
        let task = try tasks.task(4)
        let optimum = try #require(tasks.references(of: task).optimum)
        let lifetime = try LocalLifetime(
            algorithm: .qLambda(settings()), tasks: tasks, task: task, repetition: 0, seed: 1, actors: actors)
        var returns = EpisodeReturns()
        var (first, last) = ([Double](), [Double]())
        while !lifetime.isDone {
            let batches = try lifetime.collect(episodeLimit: episodes)
            for episode in returns.add(batches, tasks.environment.rolloutLayout) {
                if episode.episode < 50 { first.append(episode.totalReward) }
                if episode.episode + 50 >= episodes { last.append(episode.totalReward) }
            }
            _ = try lifetime.learn(from: batches)
        }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) / optimum }
        return (mean(first), mean(last))
    }

    @Test("learns a 5 x 5 room, with one actor and with sixteen", arguments: [(1, 2500), (16, 300)])
    func learns(actors: Int, episodes: Int) throws {
        let (first, last) = try live(actors: actors, episodes: UInt64(episodes))
        #expect(first < 0.5 && last > 0.85, "from \(first) to \(last) of the optimum")
    }

    /// The rollouts of a few rounds, and what the learner has become.
    private func rounds(size: Int, groups: Int) throws -> (rollouts: [[UInt8]], learner: [UInt8]) {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: size, horizon: 12))
        let lifetime = try LocalLifetime(
            algorithm: .qLambda(settings()), tasks: tasks, task: try tasks.task(4), repetition: 0, seed: 2, actors: 6,
            groups: groups)
        var rollouts: [[UInt8]] = []
        for _ in 0..<12 {
            let batches = try lifetime.collect(episodeLimit: .max)
            rollouts.append(batches.flatMap { Array($0.actions) })
            _ = try lifetime.learn(from: batches)
        }
        return (rollouts, lifetime.learner.save())
    }

    @Test(
        "is the same however many processes carry its actors, by a table of actions and by a network",
        arguments: [5, 33])
    func groups(size: Int) throws {
        let whole = try rounds(size: size, groups: 1)
        for groups in [2, 5, 6] { #expect(try rounds(size: size, groups: groups) == whole) }
    }

    @Test("actors take the greedy action, and now and then a random one", arguments: [9, 33])
    func frequencies(size: Int) throws {
        let environment = try DarkRoomTasks(settings: DarkRoomSettings(size: size)).environment
        var settings = settings()
        settings.exploration = 0.3
        settings.explorationTransitions = 0
        let source = SourceAlgorithm.qLambda(settings)
        let learner = try source.makeLearner(scene: Scene(environment: environment), seed: 5, task: 0, repetition: 0)
        let count = 20_000
        let keys = (0..<count).map { StreamKey(seed: 6, task: 0, repetition: 0, actor: $0) }
        let actor = try source.makeActor(environment: environment, keys: keys)
        #expect((actor is TabularActor) == (size == 9))
        try learner.withActingParameters { try actor.load(parameters: $0) }
        var chosen = [UInt8](repeating: 255, count: count)
        actor.act(
            observations: Array([[UInt8]](repeating: [2, 7], count: count).joined()),
            episodes: [UInt64](repeating: 3, count: count), steps: [UInt32](repeating: 1, count: count),
            actions: &chosen)
        var shares = [Double](repeating: 0, count: 5)
        for action in chosen { shares[Int(action)] += 1 / Double(count) }
        let qLambda = try #require(learner as? QLambdaLearner)
        let reference = ReferenceQLambda(settings, components: [size, size], actions: 5)
        let values = reference.values(qLambda.parameters.map(Double.init), [2, 7])
        let greedy = try #require(values.indices.max { values[$0] < values[$1] })
        for action in 0..<5 {
            // Five standard deviations.
            #expect(abs(shares[action] - (action == greedy ? 0.76 : 0.06)) < 5 * (0.25 / Double(count)).squareRoot())
        }
        let wrong = [Float](repeating: 2, count: learner.actingParameters.count)
        #expect(throws: SourceAlgorithmError.self) {
            try wrong.withUnsafeBufferPointer { try actor.load(parameters: $0) }
        }
    }
}
