import Environments
import Experience
import Settings
import Testing

/// What happens in one copy of a task when it takes these actions in an episode.
private struct Played {
    var cells: [[UInt8]] = []
    var rewards: [Float] = []
    var terminations: [UInt8] = []
    var truncations: [UInt8] = []

    init(_ environment: any Environment, episode: UInt64 = 0, _ actions: [UInt8]) throws {
        var environment = environment
        try environment.reset(0, episode: episode)
        look(environment)
        for action in actions {
            var (reward, terminated, truncated): (Float, UInt8, UInt8) = (-1, 9, 9)
            try environment.step(
                actions: [action], rewards: &reward, terminations: &terminated, truncations: &truncated)
            rewards.append(reward)
            terminations.append(terminated)
            truncations.append(truncated)
            look(environment)
        }
    }

    private mutating func look(_ environment: any Environment) {
        var cell: [UInt8] = [9, 9]
        environment.observe(0, into: &cell)
        cells.append(cell)
    }

    var total: Float { rewards.reduce(0, +) }
}

private let key = StreamKey(seed: 3, task: 1, repetition: 0, actor: 5)

/// Every sequence of `length` of the five actions.
private func sequences(_ length: Int) -> [[UInt8]] {
    (0..<length).reduce([[]]) { known, _ in known.flatMap { one in (0..<5).map { one + [$0] } } }
}

@Suite("Dark Room Hard")
struct DarkRoomHardTests {
    @Test("is the room of 17 x 17 with 289 goals and 50 steps, and no task is of both splits")
    func asInThePaper() throws {
        let tasks = try DarkRoomHardTasks(split: TaskSplit(testTasks: 30))
        #expect(tasks.count == 289 && tasks.environment.horizon == 50)
        #expect(tasks.environment.observationSpace == .multiDiscrete(counts: [17, 17]))
        #expect(try tasks.task(48).json == "{\"goal\":[14,2]}")
        let (train, test) = (Set(tasks.ids(of: .train)), Set(tasks.ids(of: .test)))
        #expect(test.count == 30 && train.isDisjoint(with: test) && train.union(test).count == 289)
    }

    @Test("rewards the first step onto the goal and no later one, and anew in the next episode")
    func once() throws {
        let tasks = try DarkRoomHardTasks(settings: DarkRoomHardSettings(size: 5, horizon: 6))
        let environment = try tasks.makeEnvironment(
            task: Task(id: 7, split: .train, json: "{\"goal\":[2,1]}"), keys: [key])
        let played = try Played(environment, [2, 4, 3, 2, 4, 4])
        #expect(played.rewards == [1, 0, 0, 0, 0, 0])
        #expect(played.truncations == [0, 0, 0, 0, 0, 1] && played.terminations == Array(repeating: 0, count: 6))
        #expect(try Played(environment, episode: 1, [4, 2]).rewards == [0, 1])
    }

    @Test("optimum and random return are those of all sequences of actions", arguments: [1, 2, 4])
    func references(horizon: Int) throws {
        let tasks = try DarkRoomHardTasks(
            settings: DarkRoomHardSettings(size: 4, horizon: horizon), split: TaskSplit(testTasks: 0))
        let all = sequences(horizon)
        for id in 0..<tasks.count {
            let task = try tasks.task(id)
            let environment = try tasks.makeEnvironment(task: task, keys: [key])
            let totals = try all.map { Double(try Played(environment, $0).total) }
            let references = tasks.references(of: task)
            #expect(references.optimum == totals.max())
            #expect(abs((references.random ?? -1) - totals.reduce(0, +) / Double(totals.count)) < 1e-12)
        }
    }
}

@Suite("Dark Key-to-Door")
struct KeyToDoorTests {
    @Test("is the room of 9 x 9 with 6561 pairs of key and door and 50 steps")
    func asInThePaper() throws {
        let tasks = try KeyToDoorTasks(split: TaskSplit(testTasks: 100))
        #expect(tasks.count == 6561 && tasks.environment.horizon == 50)
        let pairs = try (0..<6561).map { try tasks.task($0).json }
        #expect(Set(pairs).count == 6561 && pairs.contains("{\"door\":[4,4],\"key\":[3,1]}"))
        // The first ids have keys and doors everywhere.
        let keys = pairs.prefix(400).map { $0.split(separator: "key").last.map(String.init) ?? "" }
        let doors = pairs.prefix(400).map { $0.split(separator: "key").first.map(String.init) ?? "" }
        #expect(Set(keys).count == 81 && Set(doors).count == 81)
        #expect(tasks.ids(of: .test).count == 100 && tasks.ids(of: .train).count == 6461)
        #expect(tasks.environment.json == "{\"horizon\":50,\"size\":9}")
    }

    private func environment(
        _ settings: KeyToDoorSettings, key cell: String, door: String
    ) throws -> any Environment {
        let tasks = try KeyToDoorTasks(settings: settings, split: TaskSplit(testTasks: 0))
        return try tasks.makeEnvironment(
            task: Task(id: 0, split: .train, json: "{\"door\":\(door),\"key\":\(cell)}"), keys: [key])
    }

    /// Walks to the corner (0, 0) from wherever an episode of a room of 3 x 3 begins.
    private let toCorner: [UInt8] = [0, 0, 2, 2]

    @Test("the door is rewarded after the key alone, each once")
    func order() throws {
        let settings = KeyToDoorSettings(size: 3, horizon: 12)
        // The door is where the walk to the corner ends, the key below it.
        let room = try environment(settings, key: "[0,1]", door: "[0,0]")
        let start = try #require((0..<100).first { try Played(room, episode: $0, []).cells[0] == [2, 0] })
        let played = try Played(room, episode: start, [0, 0, 4, 3, 4, 2, 4, 3, 2, 1, 0, 4])
        #expect(played.rewards == [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
        #expect(played.truncations.last == 1 && played.terminations.allSatisfy { $0 == 0 })
        let ending = try environment(
            KeyToDoorSettings(size: 3, horizon: 12, endsAtDoor: true), key: "[0,1]", door: "[0,0]")
        #expect(try Played(ending, episode: start, [0, 0, 4, 3, 4, 2]).terminations == [0, 0, 0, 0, 0, 1])
    }

    @Test("a key in the door's cell takes a step, and the door another one")
    func sameCell() throws {
        let room = try environment(KeyToDoorSettings(size: 3, horizon: 12), key: "[0,0]", door: "[0,0]")
        let played = try Played(room, toCorner + [4, 4, 4])
        #expect(played.total == 2 && played.rewards.suffix(1) == [0])
        let first = try #require(played.rewards.firstIndex(of: 1))
        #expect(played.rewards[first + 1] == 1)
    }

    @Test("episodes begin in every cell alike, as their stream's key and their number say")
    func starts() throws {
        let room = try environment(KeyToDoorSettings(size: 3, horizon: 12), key: "[0,1]", door: "[0,0]")
        var counts: [[UInt8]: Int] = [:]
        let episodes = 9000
        for episode in 0..<episodes {
            counts[try Played(room, episode: UInt64(episode), []).cells[0], default: 0] += 1
        }
        // Five standard deviations of a share of 1/9.
        let deviation = 5 * (Double(episodes) * (1.0 / 9) * (8.0 / 9)).squareRoot()
        #expect(counts.count == 9 && counts.values.allSatisfy { abs(Double($0) - Double(episodes) / 9) < deviation })
        #expect(try Played(room, episode: 5, []).cells == Played(room, episode: 5, []).cells)
    }

    @Test("optimum and random return are those of all sequences of actions from all cells", arguments: [1, 2, 4])
    func references(horizon: Int) throws {
        let tasks = try KeyToDoorTasks(
            settings: KeyToDoorSettings(size: 2, horizon: horizon), split: TaskSplit(testTasks: 0))
        let all = sequences(horizon)
        let first = try tasks.makeEnvironment(task: try tasks.task(0), keys: [key])
        // An episode that begins in each of the four cells.
        let starts = try [[0, 0], [1, 0], [0, 1], [1, 1]].map { (cell: [UInt8]) in
            try #require((0..<200).first { try Played(first, episode: $0, []).cells[0] == cell })
        }
        for id in 0..<tasks.count {
            let task = try tasks.task(id)
            let environment = try tasks.makeEnvironment(task: task, keys: [key])
            var (best, mean) = (0.0, 0.0)
            for start in starts {
                let totals = try all.map { Double(try Played(environment, episode: start, $0).total) }
                best += (totals.max() ?? 0) / 4
                mean += totals.reduce(0, +) / Double(totals.count) / 4
            }
            let references = tasks.references(of: task)
            #expect(references.optimum == best)
            #expect(abs((references.random ?? -1) - mean) < 1e-12)
        }
    }

    @Test(
        "hostile tasks are refused",
        arguments: [
            "", "{}", "{\"key\":[1,1]}", "{\"door\":[1,1],\"key\":[1]}", "{\"door\":[1,1],\"key\":[9,0]}",
            "{\"door\":[1,1],\"key\":[1,1],\"goal\":[1,1]}", "{\"door\":[-1,0],\"key\":[0,0]}",
        ])
    func hostile(json: String) throws {
        let tasks = try KeyToDoorTasks()
        #expect(throws: EnvironmentError.self) {
            try tasks.makeEnvironment(task: Task(id: 0, split: .train, json: json), keys: [key])
        }
        #expect(tasks.references(of: Task(id: 0, split: .train, json: json)) == ReferenceReturns())
    }
}
