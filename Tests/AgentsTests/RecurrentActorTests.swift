import Agents
import Environments
import Experience
import Settings
import TestSupport
import Testing

@Suite("Acting with memory")
struct RecurrentActorTests {
    private static let episodes = 3

    private func tasks(episodes: Int = Self.episodes) throws -> any TaskDistribution {
        try EnvironmentSettings.trials(
            TrialsSettings(of: .darkRoom(DarkRoomSettings(size: 3, horizon: 7)), episodes: episodes)
        ).makeTasks(split: TaskSplit(testTasks: 2))
    }

    private var algorithm: SourceAlgorithm {
        var settings = ActorCriticSettings()
        settings.lstm = LSTMSettings(units: 16, layers: 2)
        settings.learningRate = 0.01
        settings.rolloutLength = 5
        return .actorCritic(settings)
    }

    private func lifetime(actors: Int = 6, groups: Int = 1) throws -> LocalLifetime {
        let tasks = try tasks()
        let mixture = try tasks.task(try #require(tasks.ids(of: .train).first))
        return try LocalLifetime(
            algorithm: algorithm, tasks: tasks, task: mixture, repetition: 0, seed: 4, actors: actors, groups: groups)
    }

    @Test("a lifetime gives the same rollouts and learns the same whatever processes carry its actors")
    func groups() throws {
        let lifetimes = try [1, 2, 6].map { try lifetime(groups: $0) }
        for _ in 0..<30 {
            let rounds = try lifetimes.map { try $0.collect(episodeLimit: .max) }
            let rollouts = rounds.map { round in round.flatMap { batch in batch.headers } }
            #expect(rollouts[0] == rollouts[1] && rollouts[0] == rollouts[2], "checksums included")
            for (lifetime, round) in zip(lifetimes, rounds) { _ = try lifetime.learn(from: round) }
        }
        #expect(lifetimes[0].learner.save() == lifetimes[1].learner.save())
        #expect(lifetimes[0].learner.save() == lifetimes[2].learner.save())
    }

    /// A collector on the mixture whose streams begin with this episode, under some learner's parameters.
    private func collector(
        _ learner: any SourceLearner, episode: UInt64, actors: Int = 4
    ) throws -> (collector: RolloutCollector, actor: RecurrentActor) {
        let tasks = try tasks()
        let mixture = try tasks.task(try #require(tasks.ids(of: .train).first))
        let keys = (0..<actors).map { StreamKey(seed: 4, task: mixture.id, repetition: 0, actor: $0) }
        let actor = try algorithm.makeActor(environment: tasks.environment, keys: keys)
        try learner.withActingParameters { try actor.load(parameters: $0) }
        let collector = try RolloutCollector(
            environment: try tasks.makeEnvironment(task: mixture, keys: keys), actor: actor,
            lifetime: LifetimeIdentifier(task: mixture.id, repetition: 0),
            positions: keys.indices.map { ActorPosition(actor: $0, episode: episode) })
        return (collector, try #require(actor as? RecurrentActor))
    }

    @Test("a temperature divides the logits and not the value; what is none is refused, and any by other algorithms")
    func temperature() throws {
        let learner = try lifetime().learner
        let outputs = try [1, 0.5].map { temperature in
            let (collector, actor) = try collector(learner, episode: 0)
            try actor.setTemperature(temperature)
            try learner.withActingParameters { try actor.load(parameters: $0) }
            _ = try collector.collect(length: 1, policyVersion: 0)
            return actor.outputs(of: 0)
        }
        #expect(outputs[0].count == 6 && outputs[0].last == outputs[1].last)
        for (plain, sharp) in zip(outputs[0], outputs[1]).dropLast() {
            #expect(plain != 0 && abs(sharp - 2 * plain) < 1e-6)
        }
        let actor = try collector(learner, episode: 0).actor
        for none in [0, -1, .nan, .infinity] {
            #expect(throws: SourceAlgorithmError.self) { try actor.setTemperature(none) }
        }
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 7), split: TaskSplit(testTasks: 2))
        let plain = try SourceAlgorithm.actorCritic(ActorCriticSettings()).makeActor(
            environment: tasks.environment, keys: [StreamKey(seed: 4, task: 0, repetition: 0, actor: 0)])
        try plain.setTemperature(1)
        #expect(throws: SourceAlgorithmError.self) { try plain.setTemperature(0.5) }
    }

    @Test("a stream that is taken up at a trial's begin goes on as if it had been lived from the start")
    func takenUp() throws {
        let learner = try lifetime().learner
        let lived = try collector(learner, episode: 0).collector
        let trial = UInt64(Self.episodes)
        for episode in [trial, 2 * trial] {
            _ = try lived.collect(length: 7 * Self.episodes, policyVersion: 0)
            let others = try collector(learner, episode: episode).collector
            let positions = lived.positions.map(\.episode)
            #expect(positions.allSatisfy { $0 == episode })
            let expected = try collector(learner, episode: 0).collector
            _ = try expected.collect(length: 7 * Int(episode), policyVersion: 0)
            let one = try expected.collect(length: 20, policyVersion: 0)
            let other = try others.collect(length: 20, policyVersion: 0)
            #expect(one.bytes == other.bytes)
        }
    }

    @Test("within a trial an episode depends on those before it, and after a trial nothing of it is left")
    func forgets() throws {
        let learner = try lifetime().learner
        let (collector, actor) = try collector(learner, episode: 0)
        _ = try collector.collect(length: 7, policyVersion: 0)
        let afterEpisode = actor.state(of: 0)
        #expect(afterEpisode.contains { $0 != 0 })
        // One step more begins the second episode with that state, but a fresh one without it.
        _ = try collector.collect(length: 1, policyVersion: 0)
        let second = try self.collector(learner, episode: UInt64(Self.episodes))
        _ = try second.collector.collect(length: 1, policyVersion: 0)
        #expect(actor.state(of: 0) != second.actor.state(of: 0))
        _ = try collector.collect(length: 7 * Self.episodes - 7, policyVersion: 0)
        #expect(actor.state(of: 0) == second.actor.state(of: 0), "the first step of the second trial")
    }

    @Test("the state that the learner keeps is its actor's, a row earlier")
    func learnersState() throws {
        let tasks = try tasks(episodes: 50)
        let learner = try #require(
            try algorithm.makeLearner(
                scene: Scene(environment: tasks.environment), seed: 4, task: 0, repetition: 0) as? RecurrentLearner)
        let mixture = try tasks.task(try #require(tasks.ids(of: .train).first))
        let keys = (0..<3).map { StreamKey(seed: 4, task: mixture.id, repetition: 0, actor: $0) }
        let actor = try #require(
            try algorithm.makeActor(environment: tasks.environment, keys: keys) as? RecurrentActor)
        try learner.withActingParameters { try actor.load(parameters: $0) }
        let collector = try RolloutCollector(
            environment: try tasks.makeEnvironment(task: mixture, keys: keys), actor: actor,
            lifetime: LifetimeIdentifier(task: mixture.id, repetition: 0),
            positions: keys.indices.map { ActorPosition(actor: $0) })
        collector.begin(length: 12)
        for _ in 0..<11 { _ = try collector.advance() }
        let before = keys.indices.map { actor.state(of: $0) }
        _ = try collector.advance()
        _ = try learner.update([collector.finish(policyVersion: 0)])
        for index in keys.indices {
            let kept = try #require(learner.keptState(ofActor: index))
            #expect(largestDifference(kept, before[index]) < 1e-5)
        }
    }

    @Test("parameters of another network are refused")
    func refused() throws {
        let actor = try collector(try lifetime().learner, episode: 0).actor
        let other = [Float](repeating: 0, count: 7)
        #expect(throws: SourceAlgorithmError.self) {
            try other.withUnsafeBufferPointer { try actor.load(parameters: $0) }
        }
    }

    @Test(
        "memory solves what no policy without it can: a goal that was found is found again, and another in each trial")
    func learns() throws {
        var settings = ActorCriticSettings()
        settings.lstm = LSTMSettings(units: 16, layers: 1)
        settings.learningRate = 5e-3
        let returns = try returnsAfterTraining(settings, updates: 2000)
        #expect(returns[3] > returns[0] + 2, "mean returns \(returns)")
    }
}
