import Environments
import Experience
import Settings
import Testing

@Suite("Dark Room")
struct DarkRoomTests {
    /// Plays `actions` in every copy of a task and returns rewards and positions of copy 0.
    private func play(
        _ environment: inout any Environment, _ actions: [UInt8]
    ) throws -> (rewards: [Float], cells: [[UInt8]]) {
        var rewards: [Float] = []
        var cells: [[UInt8]] = []
        let count = environment.count
        for index in 0..<count { try environment.reset(index, episode: 0) }
        for (step, action) in actions.enumerated() {
            var reward = [Float](repeating: -1, count: count)
            var terminated = [UInt8](repeating: 9, count: count)
            var truncated = [UInt8](repeating: 9, count: count)
            try environment.step(
                actions: [UInt8](repeating: action, count: count), rewards: &reward, terminations: &terminated,
                truncations: &truncated)
            var cell: [UInt8] = [0, 0]
            environment.observe(0, into: &cell)
            rewards.append(reward[0])
            cells.append(cell)
            #expect(terminated == [UInt8](repeating: 0, count: count))
            let last = step + 1 == environment.description.horizon
            #expect(truncated == [UInt8](repeating: last ? 1 : 0, count: count))
        }
        return (rewards, cells)
    }

    private func keys(_ count: Int) -> [StreamKey] {
        (0..<count).map { StreamKey(seed: 1, task: 0, repetition: 0, actor: $0) }
    }

    @Test("81 tasks of the 9 x 9 room have id y * 9 + x and describe their goal")
    func tasks() throws {
        let tasks = try DarkRoomTasks()
        #expect(tasks.count == 81 && Set(tasks.ids(of: .train) + tasks.ids(of: .test)) == Set(0..<81))
        #expect(try tasks.task(48).json == #"{"goal":[3,5]}"#)
        #expect(tasks.environment.json == #"{"horizon":20,"size":9}"#)
        #expect(tasks.environment.observationSpace == .multiDiscrete(counts: [9, 9]))
        #expect(tasks.environment.observationSpace.byteCount == 2)
        #expect(tasks.environment.actionSpace == .discrete(count: 5))
    }

    @Test("actions move, walls stop, and every step that ends on the goal is rewarded")
    func moves() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 12), split: TaskSplit(testTasks: 2))
        var environment = try tasks.makeEnvironment(task: try tasks.task(0), keys: keys(2))
        let played = try play(&environment, [4, 0, 0, 2, 2, 4, 1, 1, 1, 3, 3, 3])
        #expect(
            played.cells == [
                [1, 1], [0, 1], [0, 1], [0, 0], [0, 0], [0, 0], [1, 0], [2, 0], [2, 0], [2, 1], [2, 2], [2, 2],
            ])
        #expect(played.rewards == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    }

    @Test("no sequence of actions beats the optimal return, and the best one reaches it")
    func optimalReturn() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 5), split: TaskSplit(testTasks: 2))
        for task in try (0..<tasks.count).map(tasks.task) {
            var best: Float = 0
            for code in 0..<3125 {
                var rest = code
                let actions = (0..<5).map { _ in
                    defer { rest /= 5 }
                    return UInt8(rest % 5)
                }
                var environment = try tasks.makeEnvironment(task: task, keys: keys(1))
                best = max(best, try play(&environment, actions).rewards.reduce(0, +))
            }
            #expect(tasks.references(of: task).optimum == Double(best), "task \(task.id)")
        }
    }

    @Test("the mean optimum over the 81 goals is 16.54")
    func meanOptimum() throws {
        let tasks = try DarkRoomTasks()
        let mean = try (0..<81).reduce(0.0) { $0 + (tasks.references(of: try tasks.task($1)).optimum ?? .nan) } / 81
        #expect(abs(mean - 16.54) < 0.005)
    }

    @Test("the expected return of random actions is that of all sequences of actions")
    func randomReturn() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 2, horizon: 4), split: TaskSplit(testTasks: 1))
        for task in try (0..<tasks.count).map(tasks.task) {
            var total = 0.0
            for code in 0..<625 {
                let actions = [code % 5, code / 5 % 5, code / 25 % 5, code / 125].map { UInt8($0) }
                var environment = try tasks.makeEnvironment(task: task, keys: keys(1))
                total += Double(try play(&environment, actions).rewards.reduce(0, +))
            }
            let expected = try #require(tasks.references(of: task).random)
            #expect(abs(expected - total / 625) < 1e-12)
        }
    }

    @Test(
        "settings out of range are refused by name",
        arguments: [(0, 20, "size"), (1, 20, "size"), (129, 20, "size"), (9, 0, "horizon"), (9, -3, "horizon")])
    func refusedSettings(size: Int, horizon: Int, name: String) {
        let error = #expect(throws: EnvironmentError.self) {
            try DarkRoomTasks(settings: DarkRoomSettings(size: size, horizon: horizon))
        }
        #expect(error?.description.contains(name) == true)
    }
}

@Suite("The split into train and test tasks")
struct TaskSplitTests {
    @Test("the same seed holds out the same tasks, and more of them when asked for more")
    func nested() throws {
        let few = try TaskSplit(testTasks: 8, seed: 7).assign(count: 81)
        let more = try TaskSplit(testTasks: 16, seed: 7).assign(count: 81)
        let again = try TaskSplit(testTasks: 16, seed: 7).assign(count: 81)
        #expect(more == again)
        #expect(more.filter { $0 == .test }.count == 16)
        #expect(few.indices.allSatisfy { few[$0] == .train || more[$0] == .test })
        #expect(try TaskSplit(testTasks: 16, seed: 8).assign(count: 81) != more)
    }

    @Test("the tasks held out under seed 0 never change")
    func pinned() throws {
        let splits = try TaskSplit(testTasks: 16, seed: 0).assign(count: 81)
        #expect(splits.indices.filter { splits[$0] == .test } == pinnedTestTasks)
    }

    @Test("every task is held out about equally often")
    func uniform() throws {
        var counts = [Int](repeating: 0, count: 9)
        for seed in 0..<9000 {
            let splits = try TaskSplit(testTasks: 1, seed: UInt64(seed)).assign(count: 9)
            for id in 0..<9 where splits[id] == .test { counts[id] += 1 }
        }
        #expect(counts.allSatisfy { abs($0 - 1000) < 150 }, "\(counts)")
    }

    @Test("a split that leaves nothing to train on is refused", arguments: [-1, 81, 1000])
    func refused(testTasks: Int) {
        #expect(throws: EnvironmentError.self) { try DarkRoomTasks(split: TaskSplit(testTasks: testTasks)) }
    }
}

private let pinnedTestTasks = [15, 17, 19, 27, 31, 32, 39, 45, 47, 49, 50, 51, 54, 56, 71, 72]

@Suite("Environments rebuilt from what a stream file says")
struct RecordedEnvironmentTests {
    private let key = StreamKey(seed: 0, task: 48, repetition: 0, actor: 0)

    @Test("name, settings and task give back an environment that rewards the goal")
    func rebuilt() throws {
        var environment = try RecordedTask(
            environment: "dark-room", environmentJSON: #"{"horizon":20,"size":9}"#, id: 48, taskJSON: #"{"goal":[4,5]}"#
        ).makeEnvironment(key: key)
        try environment.reset(0, episode: 3)
        var reward: Float = 0
        var flags: (UInt8, UInt8) = (9, 9)
        try environment.step(actions: [UInt8(3)], rewards: &reward, terminations: &flags.0, truncations: &flags.1)
        #expect(reward == 1)
        #expect(flags == (0, 0))
        #expect(environment.description.horizon == 20)
    }

    @Test("an unknown name is refused with the accepted names")
    func unknownName() {
        let error = #expect(throws: EnvironmentError.self) {
            try EnvironmentSettings(name: "bright-room", json: "{}")
        }
        #expect(error?.description.contains("dark-room") == true)
    }

    @Test(
        "hostile settings are refused",
        arguments: [
            "", "[]", "null", "9", "{\"size\":9,\"horizon\":20,\"more\":1}", "{\"size\":null}", "{\"size\":true}",
            "{\"size\":9.5,\"horizon\":20}", "{\"size\":\"9\",\"horizon\":20}", "{\"size\":1e30,\"horizon\":20}",
            "{\"size\":100000,\"horizon\":20}", "{\"size\":-9,\"horizon\":20}", "{\"size\":9,\"horizon\":20",
            String(repeating: "[", count: 60_000), String(repeating: " ", count: 70_000),
        ])
    func hostileSettings(json: String) {
        #expect(throws: EnvironmentError.self) {
            try RecordedTask(
                environment: "dark-room", environmentJSON: json, id: 48, taskJSON: #"{"goal":[4,5]}"#
            ).makeEnvironment(key: key)
        }
    }

    @Test(
        "a setting that a file does not name has its default",
        arguments: ["{}", "{\"size\":9}", "{\"horizon\":20}", "{\"horizon\":20,\"size\":9}"])
    func olderSettings(json: String) throws {
        let settings = try EnvironmentSettings(name: "dark-room", json: json)
        #expect(settings == .darkRoom(DarkRoomSettings(size: 9, horizon: 20)))
        #expect(settings.json == "{\"horizon\":20,\"size\":9}")
    }

    @Test(
        "hostile tasks are refused",
        arguments: [
            "", "{}", "{\"goal\":[1]}", "{\"goal\":[1,2,3]}", "{\"goal\":[9,0]}", "{\"goal\":[0,-1]}",
            "{\"goal\":[0,1],\"key\":[0,1]}", "{\"goal\":[1e40,0]}", "{\"goal\":\"here\"}", "\u{0}",
        ])
    func hostileTask(json: String) {
        #expect(throws: EnvironmentError.self) {
            try RecordedTask(
                environment: "dark-room", environmentJSON: #"{"horizon":20,"size":9}"#, id: 48, taskJSON: json
            ).makeEnvironment(key: key)
        }
    }
}

@Suite("Spaces in words") struct SpaceTextTests {
    @Test("spaces are written as Gymnasium writes them") func asInGymnasium() {
        #expect("\(Space.discrete(count: 5))" == "Discrete(5)")
        #expect("\(Space.multiDiscrete(counts: [9, 9]))" == "MultiDiscrete([9 9])")
        #expect(
            "\(Space.box(shape: [72, 96, 3], type: .uint8, low: 0, high: 255))" == "Box(0, 255, (72, 96, 3), uint8)")
        #expect(
            "\(Space.box(shape: [2], type: .float32, low: -.infinity, high: 1))" == "Box(-inf, 1.0, (2,), float32)")
    }
}
