import Agents
import Distillation
import Environments
import Experience
import Foundation
import Histories
import Models
import Neural
import Settings
import TestSupport
import Testing

/// What is played of a task: rewards and actions, (copies) of each step.
private struct Played {
    var actions: [[UInt8]] = []
    var rewards: [[Float]] = []
    var versions: [UInt64] = []

    /// Returns of all episodes of a copy.
    func returns(_ copy: Int, horizon: Int) -> [Float] {
        stride(from: 0, to: rewards.count, by: horizon).map { first in
            rewards[first..<(first + horizon)].reduce(0) { $0 + $1[copy] }
        }
    }
}

@Suite("The policies that an evaluation can name")
struct PoliciesTests {
    private let room: DarkRoomTasks
    private let horizon = 12

    init() throws {
        room = try DarkRoomTasks(settings: DarkRoomSettings(size: 5, horizon: 12), split: TaskSplit(testTasks: 4))
    }

    private func place(_ id: Int, copies: Int = 2, evaluation: String = "e", prompt: PromptRows? = nil) throws
        -> EvaluatedTask
    {
        EvaluatedTask(
            distribution: room, task: try room.task(id),
            keys: (0..<copies).map {
                StreamKey(collection: .evaluation(evaluation), seed: 7, task: id, repetition: 0, actor: $0)
            }, prompt: prompt)
    }

    @Test("an episode for people is the one that an evaluator would live, and ends where it does")
    func shownEpisode() throws {
        for policy in [PolicyChoice(RandomPolicy.self), PolicyChoice(OptimalPolicy.self)] {
            let task = try place(3, copies: 1)
            let episode = try task.episode(of: policy, most: 100)
            let played = try play(policy, on: task, episodes: 1)
            #expect(episode.steps.flatMap(\.action) == played.actions.map { $0[0] })
            #expect(episode.steps.map(\.reward) == played.rewards.map { $0[0] })
            #expect(episode.steps.map(\.isTruncated) == Array(repeating: false, count: 11) + [true])
            #expect(episode.steps.first?.observation == [2, 2])
            #expect(try task.episode(of: policy, most: 5).steps == Array(episode.steps.prefix(5)))
        }
    }

    /// As an evaluator plays it.
    private func play(
        _ choice: PolicyChoice, on place: EvaluatedTask, episodes: Int, parameters: Any? = nil
    ) throws -> Played {
        let policy = try choice.make(parameters, on: place)
        var played = Played()
        let collector = try RolloutCollector(
            environment: try place.distribution.makeEnvironment(task: place.task, keys: place.keys), actor: policy,
            lifetime: LifetimeIdentifier(collection: .evaluation("e"), task: place.task.id, repetition: 0),
            positions: place.keys.map { ActorPosition(actor: $0.actor) })
        var rows: [[(action: UInt8, reward: Float)]] = place.keys.map { _ in [] }
        while !collector.isDone {
            let batch = try collector.collect(
                length: policy.rolloutLength ?? horizon, policyVersion: policy.version, episodeLimit: UInt64(episodes))
            played.versions.append(policy.version)
            batch.forEachRollout(place.environment.rolloutLayout) { header, found in
                for row in 0..<found.length {
                    let reward = found[.rewards].loadUnaligned(fromByteOffset: 4 * row, as: Float.self)
                    rows[header.actor].append((found[.actions][row], reward))
                }
            }
            try policy.learn(from: batch)
        }
        played.actions = rows[0].indices.map { step in rows.map { $0[step].action } }
        played.rewards = rows[0].indices.map { step in rows.map { $0[step].reward } }
        return played
    }

    @Test("random takes every action about as often, another for each copy, and the same when it is begun anew")
    func random() throws {
        let choice = PolicyChoice(RandomPolicy.self)
        let played = try play(choice, on: place(3), episodes: 200)
        for copy in 0..<2 {
            let counts = (0..<5).map { action in played.actions.count { $0[copy] == action } }
            #expect(counts.allSatisfy { abs($0 - 480) < 100 }, "\(counts)")
        }
        #expect(played.actions.contains { $0[0] != $0[1] })
        #expect(try play(choice, on: place(3), episodes: 200).actions == played.actions)
        #expect(try play(choice, on: place(3, evaluation: "f"), episodes: 200).actions != played.actions)
        let expected = try #require(room.references(of: try room.task(3)).random)
        let returns = (0..<2).flatMap { played.returns($0, horizon: horizon) }
        #expect(abs(Double(returns.reduce(0, +)) / Double(returns.count) - expected) < 0.2)
    }

    @Test(
        "random stays inside any action space, and reaches all of it",
        arguments: [
            Space.discrete(count: 300), .multiDiscrete(counts: [2, 3]),
            .box(shape: [2], type: .float32, low: -1, high: 3), .box(shape: [3], type: .uint8, low: 2, high: 4),
        ])
    func anySpace(space: Space) throws {
        let imagined = Imagined(
            environment: EnvironmentDescription(
                name: "imagined", observationSpace: .discrete(count: 2), actionSpace: space, horizon: 5, json: "{}"))
        let key = StreamKey(seed: 1, task: 0, repetition: 0, actor: 0)
        let policy = try PolicyChoice(RandomPolicy.self).make(
            nil, on: EvaluatedTask(distribution: imagined, task: try imagined.task(0), keys: [key]))
        var seen: Set<[UInt8]> = []
        var action = [UInt8](repeating: 255, count: space.byteCount)
        for step in 0..<3000 as Range<UInt32> {
            policy.act(observations: [UInt8(0)], episodes: [0], steps: [step], actions: &action)
            #expect(space.contains(action))
            seen.insert(action)
        }
        switch space {
        case .discrete(let count): #expect(seen.count == count)
        case .multiDiscrete: #expect(seen.count == 6)
        case .box(_, .uint8, _, _): #expect(seen.count == 27)
        case .box: #expect(seen.count > 2900)
        }
    }

    @Test("optimum gets the optimum of the task in every episode")
    func optimum() throws {
        for id in 0..<room.count {
            let played = try play(PolicyChoice(OptimalPolicy.self), on: place(id), episodes: 3)
            let best = Float(try #require(room.references(of: try room.task(id)).optimum))
            for copy in 0..<2 { #expect(played.returns(copy, horizon: horizon) == [best, best, best]) }
        }
    }

    @Test("optimum is refused in an environment that declares none, with its name")
    func noOptimum() throws {
        let imagined = Imagined(environment: smallEnvironment)
        let choice = PolicyChoice(OptimalPolicy.self)
        let error = try #require(throws: PolicyError.self) { try choice.check(in: imagined) }
        #expect(error.description.contains("dark-room declares no optimal actions"))
        try choice.check(in: room)
        try PolicyChoice(RandomPolicy.self).check(in: imagined)
    }

    @Test("source learns the task from scratch, each seed by itself, and comes out the same when it is begun anew")
    func source() throws {
        var settings = ActorCriticSettings()
        settings.learningRate = 1e-3
        settings.rolloutLength = 12
        settings.hidden = [32]
        let choice = PolicyChoice(
            SourcePolicy.self, SourcePolicy.Settings(source: .actorCritic(settings), actors: 20))
        let task = try place(6)
        let played = try play(choice, on: task, episodes: 300)
        let best = Float(try #require(room.references(of: task.task).optimum))
        for copy in 0..<2 {
            let returns = played.returns(copy, horizon: horizon)
            #expect(returns.prefix(20).reduce(0, +) / 20 < 0.4 * best, "\(returns.prefix(20))")
            #expect(returns.suffix(20).reduce(0, +) / 20 > 0.7 * best, "\(returns.suffix(20))")
        }
        #expect(played.actions.contains { $0[0] != $0[1] })
        #expect(played.versions == (0..<300).map { UInt64($0) }, "an update after each rollout of all actors")
        #expect(try play(choice, on: task, episodes: 300).actions == played.actions)
        let alone = try play(choice, on: try place(6, copies: 1), episodes: 20)
        // The actors beside the recorded one are numbered behind all seeds: only the recorded begins alike.
        #expect(alone.actions.prefix(12).map { $0[0] } == played.actions.prefix(12).map { $0[0] })
    }

    @Test("source learns within the one episode of a life where its algorithm does, each seed a life of its own")
    func sourceWithinAnEpisode() throws {
        let bandits = try BanditTasks(split: TaskSplit(testTasks: 20))
        let ucb = SourceAlgorithm(RegisteredSourceAlgorithm(UCB.self))
        let choice = PolicyChoice(SourcePolicy.self, SourcePolicy.Settings(source: ucb, actors: 1))
        try choice.check(in: bandits)
        var totals = (source: 0.0, random: 0.0, optimum: 0.0)
        for id in bandits.ids(of: .test) {
            let task = try bandits.task(id)
            let place = EvaluatedTask(
                distribution: bandits, task: task,
                keys: (0..<5).map {
                    StreamKey(collection: .evaluation("e"), seed: 7, task: id, repetition: 0, actor: $0)
                })
            let played = try play(choice, on: place, episodes: 1)
            #expect(played.rewards.count == 100 && played.versions == [0])
            for copy in 0..<5 {
                #expect(Set(played.actions.prefix(10).map { $0[copy] }).count == 10, "every arm first")
                totals.source += Double(played.returns(copy, horizon: 100)[0]) / 5
            }
            #expect(Set((0..<5).map { copy in played.actions.map { $0[copy] } }).count == 5)
            #expect(try play(choice, on: place, episodes: 1).actions == played.actions)
            totals.random += try #require(bandits.references(of: task).random)
            totals.optimum += try #require(bandits.references(of: task).optimum)
        }
        #expect(
            totals.source > totals.random + 0.5 * (totals.optimum - totals.random) && totals.source < totals.optimum)
    }

    @Test("distilled keeps its context through episodes, and as the control begins each with nothing")
    func distilled() throws {
        let model = try smallModelOfRoom()
        let task = try place(2)
        func play(_ settings: DistilledPolicy.Settings) throws -> Played {
            try self.play(PolicyChoice(DistilledPolicy.self, settings), on: task, episodes: 6, parameters: model)
        }
        let greedy = try play(.init(temperature: 0, context: .cleared))
        // Every episode begins alike, and nothing is drawn.
        let episodes = stride(from: 0, to: 72, by: 12).map { Array(greedy.actions[$0..<($0 + 12)]) }
        #expect(Set(episodes).count == 1)
        #expect(try play(.init(temperature: 0)).actions != greedy.actions)
        #expect(throws: PolicyError.self) {
            try PolicyChoice(DistilledPolicy.self).make(nil, on: task)
        }
    }

    private func smallModelOfRoom() throws -> any SequenceModel {
        let model = try TransformerModel(settings: smallSettings(), spaces: ModelSpaces(room.environment), seed: 3)
        let generator = Philox(key0: 9, key1: 9)
        for index in 0..<model.layout.parameters.count {
            model.parameters.start[index] += (Philox.unit(generator.block(UInt32(index), 0, 0, 0).x) - 0.5) * 0.4
        }
        return model
    }

    @Test("a prompt stands in the context as if it had been lived")
    func prompt() throws {
        let model = try smallModelOfRoom()
        // Played by the model itself, so that going on after the prompt is what it did.
        let task = try place(2, copies: 1)
        let greedy = PolicyChoice(DistilledPolicy.self, .init(temperature: 0))
        let lived = try play(greedy, on: task, episodes: 3, parameters: model)
        let batch = try collector(task, greedy, model).collect(length: 12, policyVersion: 0, episodeLimit: 1)
        let rows = PromptRows(
            observations: batch[.observations], actions: batch[.actions],
            rewards: lived.rewards.prefix(12).map { $0[0] })
        var settings = DistilledPolicy.Settings(temperature: 0)
        settings.prompt = "histories/task-00002/lifetime-000/actor-0000.h5"
        settings.promptTransitions = 12
        let prompted = try play(
            PolicyChoice(DistilledPolicy.self, settings), on: try place(2, copies: 1, prompt: rows), episodes: 2,
            parameters: model)
        #expect(prompted.actions == Array(lived.actions[12...]))
        #expect(throws: PolicyError.self) { try PolicyChoice(DistilledPolicy.self, settings).make(model, on: task) }
        for unfit in [
            PromptRows(observations: rows.observations, actions: rows.actions, rewards: [0]),
            PromptRows(observations: rows.observations, actions: rows.actions.map { _ in 9 }, rewards: rows.rewards),
        ] {
            #expect(throws: PolicyError.self) {
                try PolicyChoice(DistilledPolicy.self, settings).make(model, on: try place(2, prompt: unfit))
            }
        }
        settings.context = .cleared
        #expect(throws: SettingsError.self) { try settings.validate() }
    }

    private func collector(
        _ task: EvaluatedTask, _ choice: PolicyChoice, _ model: any SequenceModel, actor: Int = 0
    ) throws -> RolloutCollector {
        try RolloutCollector(
            environment: try room.makeEnvironment(task: task.task, keys: task.keys),
            actor: try choice.make(model, on: task), lifetime: LifetimeIdentifier(task: task.task.id, repetition: 0),
            positions: [ActorPosition(actor: actor)])
    }

    @Test("a prompt is the stretch of whole episodes whose return is nearest, then that whose surroundings are")
    func search() throws {
        try withFolder { folder in
            let streams = try (0..<3).map { try record(episodes: 40, of: 2, actor: $0, below: folder.path) }
            let optimum = try #require(room.references(of: try room.task(2)).optimum)
            for quality in [0, 0.05, 0.25, 0.5, 1] {
                var settings = PromptSettings()
                settings.quality = quality
                settings.transitions = 40
                let search = try PromptSearch(settings, optimum: optimum, in: room.environment)
                let found = try search.find(task: 2, in: folder.path)
                // Three episodes of twelve steps each fit.
                var best: (key: [Double], stream: Int, first: Int)?
                for (number, returns) in streams.enumerated() {
                    for first in 0..<37 {
                        func distance(_ range: Range<Int>) -> Double {
                            let part = returns[range.clamped(to: 0..<40)]
                            return abs(part.reduce(0, +) / Double(part.count) / optimum - quality)
                        }
                        let key = [distance(first..<(first + 3)), distance((first - 3)..<(first + 6))]
                        if best.map({ key.lexicographicallyPrecedes($0.key) }) ?? true { best = (key, number, first) }
                    }
                }
                let expected = try #require(best)
                #expect(found.stream == "histories/task-00002/lifetime-000/actor-000\(expected.stream).h5")
                #expect(found.rows == (12 * expected.first)..<(12 * expected.first + 36))
                let part = streams[expected.stream][expected.first..<(expected.first + 3)]
                #expect(abs(found.meanReturn - part.reduce(0, +) / 3) < 1e-9)
                #expect(found.content.rewards.reduce(0, +) == Float(part.reduce(0, +)))
                #expect(found.content.observations.count == 72 && found.content.actions.count == 36)
                #expect(try search.find(task: 2, in: folder.path) == found)
            }
        }
    }

    @Test("without a stretch that is long enough, with a stream that cannot be read, or none, there is no prompt")
    func noPrompt() throws {
        try withFolder { folder in
            _ = try record(episodes: 3, of: 2, actor: 0, below: folder.path)
            var settings = PromptSettings()
            settings.transitions = 48
            func reason(_ task: Int, _ settings: PromptSettings) throws -> String {
                let error = #expect(throws: PolicyError.self) {
                    try PromptSearch(settings, optimum: 2, in: room.environment).find(task: task, in: folder.path)
                }
                return error?.description ?? ""
            }
            #expect(try reason(2, settings).contains("the longest episode there has 12"))
            #expect(try reason(3, settings).contains("collect.test_lifetimes"))
            settings.transitions = 24
            #expect(
                try PromptSearch(settings, optimum: 2, in: room.environment).find(task: 2, in: folder.path).rows.count
                    == 24)
            let path = folder.appendingPathComponent("histories/task-00002/lifetime-000/actor-0001.h5")
            try Data([1, 2, 3]).write(to: path)
            #expect(try reason(2, settings).contains("cannot be read"))
            #expect(throws: PolicyError.self) { try PromptSearch(settings, optimum: 0, in: room.environment) }
        }
    }

    /// Episodes of the random policy as a sealed learning history below a run's folder; gives their returns.
    private func record(episodes: Int, of id: Int, actor: Int, below folder: String) throws -> [Double] {
        let key = StreamKey(seed: 7, task: id, repetition: 0, actor: actor)
        let task = EvaluatedTask(distribution: room, task: try room.task(id), keys: [key])
        let stream = StreamIdentifier(lifetime: LifetimeIdentifier(task: id, repetition: 0), actor: actor)
        let path = "\(folder)/\(stream.path)"
        let writer = try StreamWriter.open(
            at: path,
            metadata: StreamMetadata(
                softwareVersion: "0", environment: room.environment, task: task.task, repetition: 0,
                sourceAlgorithm: "a3c", sourceJSON: "{}", actor: actor, seed: 7))
        let collector = try collector(task, PolicyChoice(RandomPolicy.self), try smallModelOfRoom(), actor: actor)
        for _ in 0..<episodes {
            let batch = try collector.collect(length: 12, policyVersion: 0, episodeLimit: UInt64(episodes))
            try batch.checked(against: room.environment.rolloutLayout, actors: .max).forEach {
                try writer.append($0, now: 0)
            }
        }
        try writer.flush()
        try writer.seal()
        return try StreamContents(path: path).episodes.compactMap(\.episodeReturn)
    }

    @Test("a choice is described for messages and streams, and made of its description again")
    func described() throws {
        var source = SourcePolicy.Settings(source: .actorCritic(ActorCriticSettings()), actors: 5)
        var algorithm = ActorCriticSettings()
        algorithm.lambda = 0.5
        source.source = .actorCritic(algorithm)
        var prompted = DistilledPolicy.Settings(temperature: 0.5)
        prompted.prompt = "histories/x.h5"
        for choice in [
            PolicyChoice(DistilledPolicy.self, .init(temperature: 0.25, context: .cleared)),
            PolicyChoice(DistilledPolicy.self, prompted), PolicyChoice(RandomPolicy.self),
            PolicyChoice(OptimalPolicy.self), PolicyChoice(SourcePolicy.self, source),
        ] {
            #expect(try PolicyChoice(choice.described) == choice, "\(choice.described)")
            #expect(choice.described.name == choice.name)
        }
        #expect(
            PolicyChoice(DistilledPolicy.self, .init(temperature: 0.25, context: .cleared)).described
                == .inContext(temperature: 0.25, clearContext: true))
        #expect(throws: SettingsError.self) { try PolicyChoice(.named("magic", settings: "{}")) }
        #expect(throws: SettingsError.self) { try PolicyChoice(.named("source", settings: #"{"actors":0}"#)) }
        #expect(throws: SettingsError.self) { try PolicyChoice(.named("random", settings: #"{"a":0}"#)) }
        #expect(throws: SettingsError.self) { try PolicyChoice(.inContext(temperature: -1, clearContext: false)) }
    }
}

/// A distribution of one task that no environment comes of but one that knows nothing.
private struct Imagined: TaskDistribution {
    let environment: EnvironmentDescription
    let count = 1
    func ids(of split: Split) -> [Int] { split == .train ? [0] : [] }
    func task(_ id: Int) throws -> Task { Task(id: id, split: .train, json: "{}") }
    func references(of task: Task) -> ReferenceReturns { ReferenceReturns() }
    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        Still(description: environment, count: keys.count)
    }
}

private struct Still: Environment {
    let description: EnvironmentDescription
    let count: Int
    func reset(_ index: Int, episode: UInt64) {}
    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {}
    func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>, terminations: UnsafeMutablePointer<UInt8>,
        truncations: UnsafeMutablePointer<UInt8>
    ) {}
}
