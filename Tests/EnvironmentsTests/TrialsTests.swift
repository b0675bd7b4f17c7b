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
