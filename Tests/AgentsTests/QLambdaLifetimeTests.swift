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
    private func rounds(
        size: Int, groups: Int, runExponent: Double?
    ) throws -> (rollouts: [[UInt8]], learner: [UInt8]) {
        var settings = settings()
        settings.explorationRunExponent = runExponent
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: size, horizon: 12))
        let lifetime = try LocalLifetime(
            algorithm: .qLambda(settings), tasks: tasks, task: try tasks.task(4), repetition: 0, seed: 2, actors: 6,
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
        arguments: [5, 33], [nil, 2])
    func groups(size: Int, runExponent: Double?) throws {
        let whole = try rounds(size: size, groups: 1, runExponent: runExponent)
        for groups in [2, 5, 6] {
            #expect(try rounds(size: size, groups: groups, runExponent: runExponent) == whole)
        }
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

    @Test(
        "a random action goes on as long as a zeta distribution says, at most to the episode's end",
        arguments: [(9, 1.0), (33, 1.0), (9, 0.3)])
    func runs(size: Int, exploration: Double) throws {
        let environment = try DarkRoomTasks(settings: DarkRoomSettings(size: size)).environment
        var settings = settings()
        settings.exploration = exploration
        settings.explorationTransitions = 0
        settings.explorationRunExponent = 2
        let source = SourceAlgorithm.qLambda(settings)
        let learner = try source.makeLearner(scene: Scene(environment: environment), seed: 5, task: 0, repetition: 0)
        let count = 40_000
        let actor = try source.makeActor(
            environment: environment,
            keys: (0..<count).map { StreamKey(seed: 6, task: 0, repetition: 0, actor: $0) })
        try learner.withActingParameters { try actor.load(parameters: $0) }
        func act(episode: UInt64, step: UInt32) -> [UInt8] {
            var chosen = [UInt8](repeating: 255, count: count)
            actor.act(
                observations: Array([[UInt8]](repeating: [2, 7], count: count).joined()),
                episodes: [UInt64](repeating: episode, count: count), steps: [UInt32](repeating: step, count: count),
                actions: &chosen)
            return chosen
        }
        let steps = try (0..<3).map { step in
            // New parameters, here the same, end no run.
            try learner.withActingParameters { try actor.load(parameters: $0) }
            return act(episode: 4, step: UInt32(step))
        }
        let following = act(episode: 5, step: 0)
        let frequencies = (0..<5).map { action in steps[0].count { Int($0) == action } }
        let greedy = try #require(frequencies.indices.max { frequencies[$0] < frequencies[$1] })
        // Those that drew something else than the greedy action drew at random.
        let random = (0..<count).filter { exploration == 1 || Int(steps[0][$0]) != greedy }
        func share(_ holds: (Int) -> Bool) -> Double { Double(random.count(where: holds)) / Double(random.count) }
        // The sum of n^-2 is pi^2 / 6; runs longer than 1,000 are among those of 1,000.
        let lengths = (1...3).map { 6 / (Double.pi * Double.pi) / Double($0 * $0) }
        let again = exploration / 5
        // Five standard deviations, and what the longest runs make of the others' shares.
        let tolerance = 5 * (0.25 / Double(random.count)).squareRoot() + 0.001
        let second = 1 - lengths[0] + lengths[0] * again
        #expect(abs(share { steps[1][$0] == steps[0][$0] } - second) < tolerance)
        let third =
            1 - lengths[0] - lengths[1] + lengths[1] * again + lengths[0] * again * (1 - lengths[0])
            + lengths[0] * again * lengths[0] * again
        #expect(
            abs(share { steps[1][$0] == steps[0][$0] && steps[2][$0] == steps[0][$0] } - third)
                < tolerance)
        #expect(abs(share { following[$0] == steps[0][$0] } - again) < tolerance)
    }
}
