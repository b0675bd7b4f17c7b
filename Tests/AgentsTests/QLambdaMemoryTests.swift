import Agents
import Environments
import Experience
import Foundation
import Neural
import Settings
import TestSupport
import Testing

@Suite("DQN(Q-lambda) with memory, on trials")
struct QLambdaMemoryTests {
    /// Trials of two episodes of three steps.
    private func room(episodes: Int = 2, horizon: Int = 3) throws -> any TaskDistribution {
        try EnvironmentSettings.trials(
            TrialsSettings(of: .darkRoom(DarkRoomSettings(size: 3, horizon: horizon)), episodes: episodes)
        ).makeTasks(split: TaskSplit(testTasks: 2))
    }

    /// Trials in a pool that is seen in 8 x 12 pixels.
    private func pool() throws -> any TaskDistribution {
        var pool = WatermazeSettings()
        (pool.width, pool.height, pool.horizon, pool.move, pool.endsWhenFound) = (12, 8, 7, 220, true)
        let settings = EnvironmentSettings(RegisteredEnvironment(WatermazeTasks.self), settings: pool)
        return try EnvironmentSettings.trials(TrialsSettings(of: settings, episodes: 3)).makeTasks(split: TaskSplit())
    }

    /// Sequences of 6, a new one every 2, three in a batch; one stage of two channels.
    private func settings(_ sees: QLambdaSettings.Sight = .pixels, layers: Int = 1) -> QLambdaSettings {
        var settings = QLambdaSettings()
        settings.sees = sees
        settings.lstm = ActionValueMemorySettings(units: 16, layers: layers)
        (settings.sequenceLength, settings.overlap, settings.rolloutLength) = (6, 4, 4)
        (settings.batchSequences, settings.replayShare, settings.replayTransitions) = (3, 0.5, 80)
        (settings.learningRate, settings.targetInterval) = (1e-2, 3)
        (settings.exploration, settings.explorationTransitions) = (0.3, 200)
        var encoder = ResidualEncoder.Settings()
        (encoder.channels, encoder.blocks, encoder.units) = ([2], 1, 3)
        settings.encoder = ImageEncoderChoice(ResidualEncoder.self, encoder)
        return settings
    }

    private func lifetime(
        _ settings: QLambdaSettings, _ tasks: any TaskDistribution, actors: Int = 3, groups: Int = 1
    ) throws -> LocalLifetime {
        let task = try tasks.task(try #require(tasks.ids(of: .train).first))
        return try LocalLifetime(
            algorithm: .qLambda(settings), tasks: tasks, task: task, repetition: 0, seed: 4, actors: actors,
            groups: groups)
    }

    @Test("the gradient goes back through sequences that begin in mid-trial, by finite differences", arguments: [1, 2])
    func gradient(layers: Int) throws {
        let tasks = try room()
        var settings = settings(layers: layers)
        (settings.rolloutLength, settings.replayShare, settings.replayTransitions) = (12, 0, 400)
        let lifetime = try lifetime(settings, tasks)
        let batches = try lifetime.collect(episodeLimit: .max)
        let learner = try #require(lifetime.learner as? QLambdaLearner)
        let (found, loss) = try #require(try learner.gradient(batches))
        var network = ActorCriticSettings()
        network.lstm = LSTMSettings(units: 16, layers: layers)
        let reference = ReferenceRecurrent(
            counts: [3, 3], actions: 5, settings: network, episodesPerTrial: 2, outputs: 5)
        #expect(found.count == reference.layout.count)
        let first = batches[0]
        let rows = reference.rows(
            (0..<12).map { row in
                ReferenceActorCritic.Row(
                    components: [Int(first.observations[2 * row]), Int(first.observations[2 * row + 1])],
                    action: Int(first.actions[row]), reward: Double(first.rewards[row]),
                    truncated: first.truncations[row] != 0)
            })
        #expect(rows.indices.filter { rows[$0].endsTrial } == [5, 11])
        let parameters = learner.parameters.map(Double.init)
        // What was remembered before each row when the rollout came, which a step takes as given.
        var (states, state) = ([[Double]](), reference.zeroState)
        for row in rows {
            states.append(state)
            state = row.endsTrial ? reference.zeroState : reference.step(parameters, state, row).state
        }
        /// The values of the rows of the sequence that begins with one.
        func values(_ parameters: [Double], from begin: Int) -> [[Double]] {
            var state = states[begin]
            return rows[begin..<(begin + 6)].map { row in
                let (next, heads) = reference.step(parameters, state, row)
                state = row.endsTrial ? reference.zeroState : next
                return heads
            }
        }
        /// Peng's Q(lambda) over a trial: its end is one, an episode's is not. Nil where nothing is learnt.
        func goals(from begin: Int) -> [Double?] {
            let worth = values(parameters, from: begin).map { $0.max() ?? 0 }
            var goals = [Double?](repeating: nil, count: 6)
            for index in (0..<6).reversed() {
                let row = rows[begin + index]
                guard !row.endsTrial else {
                    goals[index] = row.reward
                    continue
                }
                guard index < 5 else { continue }
                let next = worth[index + 1]
                goals[index] =
                    row.reward
                    + settings.discount * ((1 - settings.lambda) * next + settings.lambda * (goals[index + 1] ?? next))
            }
            return goals
        }
        let known = [0, 2, 4].map { (begin: $0, goals: goals(from: $0)) }
        func objective(_ parameters: [Double]) -> Double {
            var (sum, count) = (0.0, 0.0)
            for (begin, goals) in known {
                for (index, heads) in values(parameters, from: begin).enumerated() {
                    guard let goal = goals[index] else { continue }
                    let error = goal - heads[rows[begin + index].action]
                    sum += error * error / 2
                    count += 1
                }
            }
            return sum / count
        }
        #expect(known[0].goals[5] != nil && known[1].goals[5] == nil)
        #expect(abs(loss - objective(parameters)) < 1e-6)
        for tensor in reference.layout.tensors {
            // Every seventh: an LSTM of two layers has four thousand.
            for index in stride(from: tensor.offset, to: tensor.offset + tensor.count, by: layers == 1 ? 3 : 7) {
                var nudged = parameters
                nudged[index] += 1e-5
                let above = objective(nudged)
                nudged[index] -= 2e-5
                let expected = (above - objective(nudged)) / 2e-5
                #expect(
                    abs(Double(found[index]) - expected) < 2e-6 + 1e-3 * abs(expected),
                    "\(tensor.name) \(index - tensor.offset)")
            }
        }
    }

    @Test(
        "an actor that is shown what was seen acts as it did, and remembers what the learner has of it, bit for bit",
        arguments: ["integers", "state", "pixels"], [1, 2])
    func carried(sight: String, layers: Int) throws {
        let tasks = sight == "integers" ? try room() : try pool()
        let settings = settings(sight == "state" ? .state : .pixels, layers: layers)
        let lifetime = try lifetime(settings, tasks)
        let learner = try #require(lifetime.learner as? QLambdaLearner)
        let environment = tasks.environment
        let task = try tasks.task(try #require(tasks.ids(of: .train).first))
        let view = try tasks.view(of: task)
        let keys = (0..<3).map { StreamKey(seed: 4, task: task.id, repetition: 0, actor: $0) }
        let made = try SourceAlgorithm.qLambda(settings).makeActor(environment: environment, keys: keys)
        let actor = try #require(made as? RecurrentValueActor)
        let width = environment.stored.space.byteCount
        var episodes: [UInt64] = [0, 0, 0]
        var steps: [UInt32] = [0, 0, 0]
        for _ in 0..<9 {
            try learner.actingParameters.withUnsafeBufferPointer { try actor.load(parameters: $0) }
            let batches = try lifetime.collect(episodeLimit: .max)
            let batch = try #require(batches.first)
            #expect(batches.count == 1 && batch.headers.map(\.length) == [4, 4, 4])
            for step in 0..<4 {
                let rows = (0..<3).map { 4 * $0 + step }
                var shown = rows.flatMap { batch.observations[($0 * width)..<(($0 + 1) * width)] }
                if let view, !actor.seesStored {
                    var seen = [UInt8](repeating: 0, count: 3 * environment.observationSpace.byteCount)
                    view.see(shown, count: 3, into: &seen)
                    shown = seen
                }
                var actions: [UInt8] = [9, 9, 9]
                actor.act(observations: shown, episodes: episodes, steps: steps, actions: &actions)
                #expect(actions == rows.map { batch.actions[$0] })
                actor.receive(rewards: rows.map { batch.rewards[$0] })
                for (index, row) in rows.enumerated() {
                    steps[index] += 1
                    guard batch.terminations[row] | batch.truncations[row] != 0 else { continue }
                    episodes[index] += 1
                    steps[index] = 0
                }
            }
            _ = try lifetime.learn(from: batches)
            for index in 0..<3 {
                let memory = try #require(learner.remembered(ofActor: index))
                let isNew = steps[index] == 0 && environment.beginsTrial(episodes[index])
                let state = actor.state(of: index)
                #expect(Array(memory.dropLast(3)) == (isNew ? state.map { _ in 0 } : state))
                #expect(memory.last == (steps[index] == 0 ? 1 : 0))
            }
        }
        #expect(episodes.allSatisfy { $0 > 3 })
    }

    private func rounds(
        _ settings: QLambdaSettings, _ tasks: any TaskDistribution, groups: Int = 1, restoring: Bool = false
    ) throws -> (actions: [UInt8], learner: [UInt8]) {
        let needs = try SourceAlgorithm.qLambda(settings).needs(environment: tasks.environment, actors: 3)
        return try livedRounds(groups: groups, restoring: restoring, most: needs.largestSavedBytes) {
            try lifetime(settings, tasks, groups: $0)
        }
    }

    @Test(
        "threads, processes, and a learner that comes back change nothing", arguments: ["integers", "state", "pixels"])
    func sameBits(sight: String) throws {
        let tasks = sight == "integers" ? try room() : try pool()
        var settings = settings(sight == "state" ? .state : .pixels, layers: 2)
        let whole = try rounds(settings, tasks)
        #expect(try rounds(settings, tasks, groups: 3) == whole)
        #expect(try rounds(settings, tasks, restoring: true) == whole)
        settings.threads = 2
        #expect(try rounds(settings, tasks) == whole)
    }

    @Test("a checkpoint that is cut off, or remembers what cannot be, is refused and changes nothing")
    func damaged() throws {
        let tasks = try room()
        let lifetime = try lifetime(settings(), tasks)
        for _ in 0..<6 { _ = try lifetime.learn(from: try lifetime.collect(episodeLimit: .max)) }
        let saved = lifetime.learner.save()
        func sealed(_ bytes: [UInt8]) -> [UInt8] {
            let checksum = bytes.withUnsafeBytes { CRC32C.of($0) }
            return bytes + withUnsafeBytes(of: checksum.littleEndian) { Array($0) }
        }
        let content = Array(saved.dropLast(4))
        #expect(sealed(content) == saved)
        var numbers = Numbers(seed: UInt32(truncatingIfNeeded: testSeed()))
        for _ in 0..<40 {
            let cut = sealed(Array(content.prefix(Int.random(in: 0..<content.count, using: &numbers))))
            #expect(throws: SourceAlgorithmError.self) { try lifetime.learner.restore(cut) }
        }
        // Of the first actor, the last number of its memory: whether an episode begins.
        let parameters = try #require(lifetime.learner as? QLambdaLearner).parameters.count
        let place = 80 + 16 * parameters + 8 + 24 + 4 * (2 * 16 + 2)
        for wrong: Float in [0.5, .nan, .infinity, -1] {
            var bytes = content
            withUnsafeBytes(of: wrong) { for (offset, byte) in $0.enumerated() { bytes[place + offset] = byte } }
            #expect(throws: SourceAlgorithmError.self) { try lifetime.learner.restore(sealed(bytes)) }
        }
        #expect(lifetime.learner.save() == saved)
        // A learner without memory takes none that has some, and the other way round.
        var plain = settings()
        plain.lstm = nil
        let other = try self.lifetime(plain, tasks).learner
        #expect(throws: SourceAlgorithmError.self) { try other.restore(saved) }
        #expect(throws: SourceAlgorithmError.self) { try lifetime.learner.restore(other.save()) }
    }

    @Test("the encoder's gradient comes through the memory: a small step along it lowers the loss as it says")
    func encoder() throws {
        let tasks = try pool()
        var settings = settings()
        // A sequence of each of the three actors, from its stream's begin: what is remembered before it does not move.
        (settings.rolloutLength, settings.replayShare, settings.replayTransitions) = (6, 0, 400)
        let lifetime = try lifetime(settings, tasks)
        let batches = try lifetime.collect(episodeLimit: .max)
        let learner = try #require(lifetime.learner as? QLambdaLearner)
        let (untouched, parameters) = (learner.save(), learner.parameters)
        let (gradient, unmoved) = try #require(try learner.gradient(batches))
        let encoder = try ImageEncoderLayout(settings.encoder, image: ImageSize(height: 8, width: 12, colours: 3))
        let count = encoder.parameters.count
        let squared = gradient[..<count].reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(squared > 0)
        /// The loss where the encoder's parameters are moved along its gradient, and the target network stays as it is.
        func loss(moved by: Double) throws -> Double {
            var bytes = Array(untouched.dropLast(4))
            for index in 0..<count {
                let number = parameters[index] + Float(by) * gradient[index]
                withUnsafeBytes(of: number) { raw in
                    for (offset, byte) in raw.enumerated() { bytes[80 + 4 * index + offset] = byte }
                }
            }
            let checksum = bytes.withUnsafeBytes { CRC32C.of($0) }
            bytes += withUnsafeBytes(of: checksum.littleEndian) { Array($0) }
            try learner.restore(bytes)
            return try #require(try learner.gradient(batches)).loss
        }
        let step = 1e-3 * unmoved.squareRoot() / squared.squareRoot()
        let slope = (try loss(moved: step) - (try loss(moved: -step))) / (2 * step)
        #expect(abs(slope - squared) < 0.02 * squared, "\(slope) along a gradient of squared norm \(squared)")
    }

    @Test("values of final observations, and units that are no multiple of 16, are refused")
    func refusals() throws {
        var settings = settings()
        settings.bootstrapsTruncation = true
        #expect(throws: SourceAlgorithmError.self) { try lifetime(settings, try room()) }
        settings = self.settings()
        settings.lstm = ActionValueMemorySettings(units: 20)
        #expect(throws: SourceAlgorithmError.self) { try lifetime(settings, try room()) }
    }

    @Test("with a goal anew in each trial the later episodes bring more, and without memory they do not")
    func learns() throws {
        func returns(_ memory: ActionValueMemorySettings?) throws -> [Double] {
            let (episodes, horizon, actors, updates, measured) = (4, 8, 16, 1600, 300)
            let tasks = try room(episodes: episodes, horizon: horizon)
            var settings = QLambdaSettings()
            settings.lstm = memory
            settings.hidden = [64]
            (settings.sequenceLength, settings.overlap, settings.rolloutLength) = (32, 16, 16)
            (settings.batchSequences, settings.replayShare, settings.replayTransitions) = (16, 0.5, 20_000)
            (settings.learningRate, settings.targetInterval, settings.discount) = (2e-3, 20, 0.9)
            (settings.exploration, settings.explorationTransitions) = (0.05, 150_000)
            let lifetime = try lifetime(settings, tasks, actors: actors)
            var known = EpisodeReturns()
            var sums = [Double](repeating: 0, count: episodes)
            for update in 0..<updates {
                let round = try lifetime.collect(episodeLimit: .max)
                for episode in known.add(round, tasks.environment.rolloutLayout) where update >= updates - measured {
                    sums[Int(episode.episode) % episodes] += episode.totalReward
                }
                _ = try lifetime.learn(from: round)
            }
            let trials = Double(measured * settings.rolloutLength * actors) / Double(horizon * episodes)
            return sums.map { $0 / trials }
        }
        let found = try returns(ActionValueMemorySettings(units: 48))
        #expect(found[3] > found[0] + 1, "\(found)")
        let without = try returns(nil)
        #expect(without[3] < without[0] + 0.5 && found[3] > without[3] + 1, "\(found) and \(without)")
    }
}
