import Agents
import Distillation
import Environments
import Experience
import Files
import Foundation
import TestSupport
import Testing

@Suite("What a lifetime on trials has learnt, as a checkpoint")
struct LearntPolicyCheckpointTests {
    private static let episodes = 3
    private let tasks: any TaskDistribution
    private let source: SourceAlgorithm
    private let learner: any SourceLearner

    init() throws {
        tasks = try EnvironmentSettings.trials(
            TrialsSettings(of: .darkRoom(DarkRoomSettings(size: 3, horizon: 7)), episodes: Self.episodes)
        ).makeTasks(split: TaskSplit(testTasks: 2))
        var settings = ActorCriticSettings()
        settings.lstm = LSTMSettings(units: 16, layers: 1)
        source = .actorCritic(settings)
        let mixture = try tasks.task(try #require(tasks.ids(of: .train).first))
        learner = try source.makeLearner(scene: tasks.scene(of: mixture), seed: 3, task: mixture.id, repetition: 0)
    }

    private func checkpoint() throws -> Checkpoint {
        try LearntPolicyCheckpoint(
            source: source,
            description: CheckpointDescription(
                environment: tasks.environment, splitSeed: 0, trainedTasks: tasks.ids(of: .train),
                testTasks: tasks.ids(of: .test)), version: 12, parameters: learner.actingParameters
        ).checkpoint()
    }

    private func held(copies: Int = 2) throws -> EvaluatedTask {
        let id = try #require(tasks.ids(of: .test).first)
        return EvaluatedTask(
            distribution: tasks, task: try tasks.task(id),
            keys: (0..<copies).map {
                StreamKey(collection: .evaluation("e"), seed: 7, task: id, repetition: 0, actor: $0)
            })
    }

    @Test("it is read as it was written, the same bytes every time") func roundTrip() throws {
        let written = try checkpoint()
        #expect(try written == checkpoint() && written.isLearntPolicy)
        let read = try LearntPolicyCheckpoint(written)
        #expect(read.parameters == learner.actingParameters && read.version == 12 && read.source == source)
        #expect(read.description.environment == tasks.environment)
        #expect(read.description.testTasks == tasks.ids(of: .test))
        #expect(throws: FileError.self, "no distilled model") { try written.configuration() }
    }

    @Test("damage is refused wherever it is, and so are a missing key and numbers that are not finite")
    func damage() throws {
        let sound = try checkpoint()
        for length in [0, 7, 40, sound.model.count - 1] {
            let cut = Checkpoint(model: sound.model.prefix(length), config: sound.config)
            #expect(throws: FileError.self, "\(length) bytes") { try LearntPolicyCheckpoint(cut) }
        }
        let config = String(decoding: sound.config, as: UTF8.self)
        for (key, with) in [("\"updates\"", "\"update\""), ("\"split_seed\"", "\"seed\""), ("\"units\"", "\"unit\"")] {
            let other = Data(config.replacingOccurrences(of: key, with: with).utf8)
            #expect(other != sound.config)
            #expect(throws: FileError.self, "\(with)") {
                try LearntPolicyCheckpoint(Checkpoint(model: sound.model, config: other))
            }
        }
        var model = sound.model
        withUnsafeBytes(of: Float.nan) { model.replaceSubrange((model.count - 4)..., with: $0) }
        #expect(throws: FileError.self) { try LearntPolicyCheckpoint(Checkpoint(model: model, config: sound.config)) }
    }

    @Test(
        "the policy acts as an actor under the learner's parameters, for several trials in a row",
        arguments: [1, 0.3])
    func acting(temperature: Double) throws {
        let place = try held()
        let choice = PolicyChoice(LearntPolicy.self, LearntPolicy.Settings(temperature: temperature))
        let parameters = try choice.parameters(of: checkpoint(), in: tasks.environment)
        let policy = try choice.make(parameters, on: place)
        #expect(policy.version == 12 && policy.rolloutLength == nil)
        let actor = try source.makeActor(environment: tasks.environment, keys: place.keys)
        try actor.setTemperature(temperature)
        try learner.withActingParameters { try actor.load(parameters: $0) }
        let batches = try [policy, actor as any StreamActor].map { acting in
            try RolloutCollector(
                environment: tasks.makeEnvironment(task: place.task, keys: place.keys), actor: acting,
                lifetime: LifetimeIdentifier(collection: .evaluation("e"), task: place.task.id, repetition: 0),
                positions: place.keys.map { ActorPosition(actor: $0.actor) }
            ).collect(length: 3 * Self.episodes * 7, policyVersion: 12, episodeLimit: 3 * UInt64(Self.episodes))
        }
        #expect(batches[0].headers == batches[1].headers, "checksums included")
        #expect(batches[0].rowCount == 2 * 3 * Self.episodes * 7)
    }

    @Test("a checkpoint of other trials is refused, and the policy where every task has a lifetime of its own")
    func elsewhere() throws {
        let choice = PolicyChoice(LearntPolicy.self)
        let others = try EnvironmentSettings.trials(
            TrialsSettings(of: .darkRoom(DarkRoomSettings(size: 3, horizon: 7)), episodes: 4)
        ).makeTasks(split: TaskSplit(testTasks: 2))
        let error = try #require(throws: FileError.self) {
            try choice.parameters(of: checkpoint(), in: others.environment)
        }
        #expect("\(error)".contains("\"episodes\":4"), "\(error)")
        let room = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 7), split: TaskSplit(testTasks: 2))
        let refused = try #require(throws: PolicyError.self) { try choice.check(in: room) }
        #expect("\(refused)".contains("expected the environment trials"))
        try choice.check(in: tasks)
        let place = try held()
        #expect(throws: PolicyError.self, "without a checkpoint") { try choice.make(nil, on: place) }
    }
}
