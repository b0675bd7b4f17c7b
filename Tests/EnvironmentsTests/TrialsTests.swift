import Environments
import Experience
import Settings
import TestSupport
import Testing

@Suite("Trials of another environment")
struct TrialsTests {
    private static let episodes = 3

    private func tasks(
        of inner: EnvironmentSettings = .darkRoom(DarkRoomSettings(size: 5, horizon: 4)), held: Int = 9,
        seed: UInt64 = 7
    ) throws -> TrialsTasks {
        try TrialsTasks(
            settings: TrialsSettings(of: inner, episodes: Self.episodes), split: TaskSplit(testTasks: held, seed: seed))
    }

    private func keys(_ count: Int, seed: UInt64 = 1) -> [StreamKey] {
        (0..<count).map { StreamKey(seed: seed, task: 25, repetition: 0, actor: $0) }
    }

    /// Rewards of every step of episode number `episode`, with actions drawn by copy, episode and step.
    private func live(_ environment: inout any Environment, episode: UInt64, steps: Int) throws -> [[Float]] {
        let count = environment.count
        for index in 0..<count { try environment.reset(index, episode: episode) }
        var lived: [[Float]] = []
        for step in 0..<steps {
            var (rewards, ended, cut) = (
                [Float](repeating: 0, count: count), [UInt8](repeating: 0, count: count),
                [UInt8](repeating: 0, count: count)
            )
            let actions = (0..<count).map { UInt8((Int(episode) + step + $0) % 5) }
            try environment.step(actions: actions, rewards: &rewards, terminations: &ended, truncations: &cut)
            var observations = [UInt8](repeating: 0, count: 2 * count)
            environment.observe(into: &observations)
            lived.append(rewards + observations.map(Float.init) + cut.map(Float.init))
        }
        return lived
    }

    /// The goal of a copy, found by its best actions.
    private func goal(_ environment: inout any SolvedEnvironment, episode: UInt64) throws -> [UInt8] {
        try environment.reset(0, episode: episode)
        var observation: [UInt8] = [0, 0]
        for _ in 0..<8 {
            var action: [UInt8] = [0]
            environment.chooseOptimally(into: &action)
            var (reward, ended, cut): ([Float], [UInt8], [UInt8]) = ([0], [0], [0])
            try environment.step(actions: action, rewards: &reward, terminations: &ended, truncations: &cut)
        }
        environment.observe(0, into: &observation)
        return observation
    }

    private func goals(_ tasks: TrialsTasks, _ key: StreamKey, trials: Int) throws -> [[UInt8]] {
        let made = try tasks.makeEnvironment(task: try tasks.task(tasks.mixture), keys: [key])
        var environment = try #require(made as? any SolvedEnvironment)
        return try (0..<(trials * Self.episodes)).map { try goal(&environment, episode: UInt64($0)) }
    }

    @Test("a trial has one task, which is a train task, and in the end every train task has had its trial")
    func tasksOfTrials() throws {
        let tasks = try tasks(of: .darkRoom(DarkRoomSettings(size: 5, horizon: 8)))
        let train = Set(try tasks.ids(in: "train").map { [UInt8($0 % 5), UInt8($0 / 5)] })
        #expect(train.count == 16)
        var met: Set<[UInt8]> = []
        for key in keys(4) {
            let goals = try goals(tasks, key, trials: 60)
            for episode in goals.indices where episode % Self.episodes > 0 {
                #expect(goals[episode] == goals[episode - 1])
            }
            met.formUnion(goals)
        }
        #expect(met == train)
    }

    @Test("other actors, and other seeds, have other tasks in their trials")
    func keysMatter() throws {
        let tasks = try tasks(of: .darkRoom(DarkRoomSettings(size: 5, horizon: 8)))
        let orders = try (keys(3) + keys(1, seed: 2)).map { try goals(tasks, $0, trials: 12) }
        #expect(Set(orders).count == orders.count)
        #expect(try goals(tasks, keys(1)[0], trials: 12) == orders[0])
    }

    @Test("a copy that is taken up at any trial, alone or among others, lives what it would have lived")
    func takenUp() throws {
        let tasks = try tasks()
        let mixture = try tasks.task(tasks.mixture)
        var whole = try tasks.makeEnvironment(task: mixture, keys: keys(3))
        for episode in 0..<UInt64(6 * Self.episodes) {
            let lived = try live(&whole, episode: episode, steps: 4)
            var fresh = try tasks.makeEnvironment(task: mixture, keys: keys(3))
            #expect(try live(&fresh, episode: episode, steps: 4) == lived)
            var alone = try tasks.makeEnvironment(task: mixture, keys: [keys(3)[0]])
            #expect(try live(&alone, episode: episode, steps: 4).map { $0[0] } == lived.map { $0[0] })
        }
    }

    @Test("a recorded stream is replayed from its task's text, whatever split the reader has")
    func replayed() throws {
        let tasks = try tasks()
        let mixture = try tasks.task(tasks.mixture)
        var lived = try tasks.makeEnvironment(task: mixture, keys: [keys(1)[0]])
        let recorded = try RecordedTask(
            environment: tasks.environment.name, environmentJSON: tasks.environment.json, id: mixture.id,
            taskJSON: mixture.json)
        var again = try recorded.makeEnvironment(key: keys(1)[0])
        for episode in 0..<12 {
            #expect(
                try live(&lived, episode: UInt64(episode), steps: 4)
                    == live(&again, episode: UInt64(episode), steps: 4))
        }
    }

    @Test("its fixed tasks are those of the environment inside: ids, splits, references and what happens")
    func fixedTasks() throws {
        let inner = try DarkRoomTasks(
            settings: DarkRoomSettings(size: 5, horizon: 4), split: TaskSplit(testTasks: 9, seed: 7))
        let tasks = try tasks()
        #expect(tasks.count == inner.count + 1 && tasks.mixture == inner.count)
        #expect(tasks.ids(of: .test) == inner.ids(of: .test))
        #expect(tasks.ids(of: .train) == [tasks.mixture])
        #expect(try tasks.ids(in: "train") == inner.ids(of: .train))
        #expect(tasks.environment.episodesPerTrial == Self.episodes)
        for id in 0..<inner.count {
            let task = try tasks.task(id)
            #expect(try task == inner.task(id))
            #expect(try tasks.references(of: task) == inner.references(of: inner.task(id)))
            var one = try tasks.makeEnvironment(task: task, keys: keys(2))
            var other = try inner.makeEnvironment(task: task, keys: keys(2))
            for episode in 0..<UInt64(2 * Self.episodes) {
                #expect(
                    try live(&one, episode: episode, steps: 4) == live(&other, episode: episode, steps: 4))
            }
        }
        let optima = inner.ids(of: .train).compactMap { try? inner.references(of: inner.task($0)).optimum }
        let mean = try #require(tasks.references(of: tasks.task(tasks.mixture)).optimum)
        #expect(abs(mean - optima.reduce(0, +) / Double(optima.count)) < 1e-12)
    }

    @Test("every environment that comes with Distillery makes trials", arguments: RegisteredEnvironment.single.names)
    func every(name: String) throws {
        let inner = EnvironmentSettings(try RegisteredEnvironment.single.named(name))
        let tasks = try EnvironmentSettings.trials(TrialsSettings(of: inner, episodes: 2)).makeTasks(split: TaskSplit())
        let again = try EnvironmentSettings(name: "trials", json: tasks.environment.json).makeTasks(split: TaskSplit())
        #expect(tasks.environment == again.environment && tasks.environment.episodesPerTrial == 2)
        let made = try tasks.makeEnvironment(
            task: try tasks.task(try #require(tasks.ids(of: .train).first)), keys: keys(2))
        #expect(made.count == 2 && made.description == tasks.environment)
        for id in try tasks.ids(in: "test").prefix(2) {
            #expect(try tasks.makeEnvironment(task: tasks.task(id), keys: keys(2)).count == 2)
        }
    }

    @Test("of an environment that stores states a row says its task, and is shown as that task shows it")
    func views() throws {
        var pool = WatermazeSettings()
        (pool.width, pool.height, pool.horizon, pool.move) = (12, 8, 6, 220)
        let inner = try WatermazeTasks(settings: pool, split: TaskSplit(testTasks: 4, seed: 3))
        let settings = EnvironmentSettings(RegisteredEnvironment(WatermazeTasks.self), settings: pool)
        let tasks = try TrialsTasks(
            settings: TrialsSettings(of: settings, episodes: 2), split: TaskSplit(testTasks: 4, seed: 3))
        #expect(tasks.environment.stored.name == "states" && tasks.environment.stored.space.shape == [5])
        #expect(tasks.environment.observationSpace == inner.environment.observationSpace)
        let mixture = try tasks.task(tasks.mixture)
        let view = try #require(try tasks.view(of: mixture))
        var environment = try tasks.makeEnvironment(task: mixture, keys: keys(2))
        // Every state with each of its tasks, and what the environment inside shows of them.
        var (rows, expected, met): ([Float], [UInt8], Set<Int>) = ([], [], [])
        for episode in 0..<8 {
            for index in 0..<2 { try environment.reset(index, episode: UInt64(episode)) }
            for step in 0..<6 {
                var states = [Float](repeating: 0, count: 10)
                environment.observe(into: &states)
                rows += states
                for index in 0..<2 {
                    let id = Int(states[5 * index + 4])
                    met.insert(id)
                    var seen = [UInt8](repeating: 0, count: 8 * 12 * 3)
                    let state = Array(states[(5 * index)..<(5 * index + 4)])
                    try #require(try inner.view(of: inner.task(id))).see(state, count: 1, into: &seen)
                    expected += seen
                }
                var (rewards, flags, cuts): ([Float], [UInt8], [UInt8]) = ([0, 0], [0, 0], [0, 0])
                try environment.step(
                    actions: [UInt8(step), 7], rewards: &rewards, terminations: &flags, truncations: &cuts)
            }
        }
        #expect(met.count == 8)
        var seen = [UInt8](repeating: 0, count: expected.count)
        view.see(rows, count: rows.count / 5, into: &seen)
        #expect(seen == expected)
        // A platform that has risen is seen from the centre, where it lies ahead.
        let risen: [Float] = [0, 0, 0, 1]
        var pictures: Set<[UInt8]> = []
        for id in met {
            view.see(risen + [Float(id)], count: 1, into: &seen)
            pictures.insert(Array(seen.prefix(8 * 12 * 3)))
        }
        #expect(pictures.count > 1)
        // A task by itself, which is how evaluations have it.
        let held = try #require(tasks.ids(in: "test").first)
        var alone = try tasks.makeEnvironment(task: tasks.task(held), keys: keys(1))
        try alone.reset(0, episode: 0)
        var state = [Float](repeating: 0, count: 5)
        alone.observe(0, into: &state)
        #expect(state[4] == Float(held))
        var (one, other) = ([UInt8](repeating: 0, count: 288), [UInt8](repeating: 1, count: 288))
        try #require(try tasks.view(of: tasks.task(held))).see(risen + [0], count: 1, into: &one)
        try #require(try inner.view(of: inner.task(held))).see(risen, count: 1, into: &other)
        #expect(one == other)
        // What no stream of ours has does no harm.
        view.see([0, 0, 0, 1, -7, 0, 0, 0, 1, 3e8, 0, 0, 0, 1, .nan] as [Float], count: 3, into: &seen)
    }

    @Test("a policy on trials is given the state, and not which task it is")
    func hiddenTask() throws {
        let tasks = try EnvironmentSettings.trials(
            TrialsSettings(of: EnvironmentSettings(RegisteredEnvironment(WatermazeTasks.self)), episodes: 2)
        ).makeTasks(split: TaskSplit())
        let features = try #require(tasks.environment.stateFeatures)
        #expect(features.count == 5)
        var (one, other) = ([Float](repeating: 0, count: 10), [Float](repeating: 0, count: 10))
        features.write([76, -152, 90, 0, 4, 0, 380, 0, 1, 9] as [Float], count: 2, into: &one)
        features.write([76, -152, 90, 0, 5, 0, 380, 0, 1, 8] as [Float], count: 2, into: &other)
        #expect(one == other && one[0] == 0.1 && one[6] == 0.5 && one[9] == 1)
    }

    @Test(
        "a task that is none is refused",
        arguments: [
            "{\"mixture\":{}}", "{\"mixture\":{\"seed\":1}}", "{\"mixture\":{\"seed\":1,\"test_tasks\":900}}",
            "{\"mixture\":{\"seed\":1,\"test_tasks\":2,\"more\":3}}", "{\"mixture\":4}", "{\"goal\":[9,9]}", "{}", "",
        ])
    func refused(json: String) throws {
        #expect(throws: EnvironmentError.self) {
            try tasks().makeEnvironment(task: Task(id: 25, split: .train, json: json), keys: keys(1))
        }
    }
}
