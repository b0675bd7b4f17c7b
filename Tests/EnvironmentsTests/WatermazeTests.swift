import Environments
import Experience
import Foundation
import Settings
import Testing

/// An agent in one copy of a pool, and what it has lived through since its episode began.
private struct Swimmer {
    private var environment: any Environment
    private(set) var states: [[Float]] = []
    private(set) var rewards: [Float] = []
    private(set) var truncated = false
    private(set) var terminated = false

    init(_ tasks: WatermazeTasks, platform: (Double, Double), actor: Int = 0, episode: UInt64 = 0) throws {
        let task = Task(id: 0, split: .train, json: "{\"platform\":[\(platform.0),\(platform.1)]}")
        environment = try tasks.makeEnvironment(
            task: task, keys: [StreamKey(seed: 5, task: 0, repetition: 0, actor: actor)])
        try begin(episode)
    }

    mutating func begin(_ episode: UInt64) throws {
        try environment.reset(0, episode: episode)
        (states, rewards, truncated) = ([], [], false)
        look()
    }

    mutating func take(_ actions: UInt8...) throws {
        for action in actions {
            var (reward, terminated, cut): (Float, UInt8, UInt8) = (-1, 9, 9)
            try environment.step(actions: [action], rewards: &reward, terminations: &terminated, truncations: &cut)
            self.terminated = terminated == 1
            #expect(terminated + cut <= 1)
            rewards.append(reward)
            truncated = cut == 1
            look()
        }
    }

    private mutating func look() {
        var state = [Float](repeating: .nan, count: 4)
        environment.observe(0, into: &state)
        states.append(state)
    }

    var state: [Float] { states[states.count - 1] }
    var distance: Double { (Double(state[0]) * Double(state[0]) + Double(state[1]) * Double(state[1])).squareRoot() }
}

@Suite("Watermaze") struct WatermazeTests {
    private let tasks: WatermazeTasks
    private static let walls = (0..<16).map { wall in
        let angle = Double(wall) * .pi / 8
        return (cos(angle), sin(angle))
    }

    init() throws { tasks = try WatermazeTasks(split: TaskSplit(testTasks: 40)) }

    @Test("shows pictures of 72 x 96, stores states, and holds out places") func asInThePaper() throws {
        let environment = tasks.environment
        #expect(environment.observationSpace == .box(shape: [72, 96, 3], type: .uint8, low: 0, high: 255))
        #expect(environment.stored.name == "states" && environment.stored.space.byteCount == 16)
        #expect(environment.actionSpace == .discrete(count: 8) && environment.horizon == 50)
        #expect(tasks.ids(of: .test) == Array(100_000..<100_040) && tasks.ids(of: .train).count == 100_000)
        #expect(try tasks.task(100_000).split == .test && tasks.task(99_999).split == .train)
        #expect(throws: EnvironmentError.self) { try tasks.task(200_000) }
    }

    @Test("platforms are uniform over the ring between two radii") func platforms() throws {
        var settings = WatermazeSettings()
        (settings.leastRadius, settings.largestRadius) = (200, 500)
        let ring = try WatermazeTasks(settings: settings)
        var (inner, left, count) = (0, 0, 0)
        for id in 0..<4000 {
            let json = try ring.task(id).json
            let place = try JSONDecoder().decode([String: [Double]].self, from: Data(json.utf8))["platform"]
            let (x, y) = try (#require(place?.first), #require(place?.last))
            let radius = (x * x + y * y).squareRoot()
            #expect(200 - 0.01...500.01 ~= radius)
            // Half of the ring's area lies within this radius.
            if radius * radius < (200 * 200 + 500 * 500) / 2 { inner += 1 }
            if x < 0 { left += 1 }
            count += 1
        }
        // Five standard deviations.
        #expect(abs(inner - count / 2) < 160 && abs(left - count / 2) < 160)
        settings.leastRadius = 501
        #expect(throws: EnvironmentError.self) { try WatermazeTasks(settings: settings) }
    }

    @Test(
        "a task that is none is refused",
        arguments: [
            "", "{}", "{\"platform\":[1]}", "{\"platform\":[1,2,3]}", "{\"platform\":[746,0]}",
            "{\"platform\":[740,740]}", "{\"platform\":[1,2],\"goal\":[1,2]}", "{\"platform\":[1e99,0]}",
            "{\"platform\":[1,null]}", "{\"platform\":[\"1\",2]}",
        ])
    func hostileTasks(json: String) {
        #expect(throws: EnvironmentError.self) {
            try tasks.makeEnvironment(
                task: Task(id: 0, split: .train, json: json),
                keys: [StreamKey(seed: 1, task: 0, repetition: 0, actor: 0)])
        }
    }

    @Test("a turn comes before the move of the same step, and a full turn is none") func motion() throws {
        var swimmer = try Swimmer(tasks, platform: (-600, 0))
        let start = swimmer.state
        #expect(start[0] == 0 && start[1] == 0 && 0..<360 ~= start[2] && start[3] == 0)
        let heading = Double(start[2])
        func expect(_ length: Double, _ degrees: Double, from before: [Float]) {
            let angle = degrees * .pi / 180
            #expect(abs(Double(swimmer.state[0] - before[0]) - length * cos(angle)) < 1e-3)
            #expect(abs(Double(swimmer.state[1] - before[1]) - length * sin(angle)) < 1e-3)
        }
        try swimmer.take(0)
        expect(70, heading, from: start)
        try swimmer.take(1)
        expect(0, 0, from: start)
        for (action, direction) in [(UInt8(2), 90.0), (3, -90)] {
            let before = swimmer.state
            try swimmer.take(action)
            expect(70, heading + direction, from: before)
        }
        var before = swimmer.state
        try swimmer.take(6)
        expect(70, heading + 45, from: before)
        before = swimmer.state
        try swimmer.take(7, 5, 4)
        expect(70, heading, from: before)
        try swimmer.take(4, 4, 4, 4, 4, 4, 4, 4)
        #expect(abs(swimmer.state[2] - start[2]) < 1e-3)
        #expect(swimmer.rewards.allSatisfy { $0 == 0 })
    }

    @Test("nobody leaves the arena, and who swims against a wall slides along it") func walls() throws {
        let random = Philox(StreamKey(seed: 4, task: 0, repetition: 0, actor: 0))
        var swimmer = try Swimmer(tasks, platform: (0, 600))
        var farthest = 0.0
        for episode in 0..<200 {
            try swimmer.begin(UInt64(episode))
            while !swimmer.truncated {
                let before = swimmer.state
                let drawn = random.uniform(
                    .policy, episode: UInt64(episode), step: UInt32(swimmer.rewards.count))
                try swimmer.take([0, 0, 0, 2, 6, 7, 0][Int(7 * drawn)])
                for (x, y) in Self.walls {
                    #expect(Double(swimmer.state[0]) * x + Double(swimmer.state[1]) * y <= 745.01)
                }
                let moved = hypot(Double(swimmer.state[0] - before[0]), Double(swimmer.state[1] - before[1]))
                #expect(moved <= 70.001)
                farthest = max(farthest, swimmer.distance)
            }
        }
        #expect(farthest > 740)
        // Forward against a wall that is not met at a right angle: the agent goes on, along it.
        try swimmer.begin(3)
        try swimmer.take(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let at = swimmer.state
        try swimmer.take(6)
        #expect(hypot(swimmer.state[0] - at[0], swimmer.state[1] - at[1]) > 20)
    }

    @Test("the step that meets the platform is rewarded, once an episode; the agent stays there and can turn")
    func finding() throws {
        var swimmer = try Swimmer(tasks, platform: (0, 0))
        // It begins on this one: any step meets it.
        try swimmer.take(4)
        #expect(swimmer.rewards == [1] && swimmer.state[3] == 1 && swimmer.distance == 0)
        try swimmer.take(0, 2, 6, 1)
        #expect(swimmer.rewards == [1, 0, 0, 0, 0] && swimmer.distance == 0)
        #expect(swimmer.state[2] != swimmer.states[0][2])
        try swimmer.begin(1)
        #expect(swimmer.state[3] == 0)
        // Past the platform in a single step: the path counts, not its end.
        var settings = WatermazeSettings()
        settings.move = 600
        let far = try WatermazeTasks(settings: settings)
        var probe = try Swimmer(far, platform: (-700, 0))
        let heading = Double(probe.state[2]) * .pi / 180
        probe = try Swimmer(far, platform: (300 * cos(heading), 300 * sin(heading)))
        try probe.take(0)
        #expect(probe.rewards == [1])
        // Where the path meets its edge.
        #expect(236 - 0.1...241 + 0.1 ~= probe.distance)
    }

    @Test("where the settings say so the step that finds the platform ends its episode, and the horizon the others")
    func ending() throws {
        var settings = WatermazeSettings()
        (settings.endsWhenFound, settings.horizon) = (true, 2)
        let tasks = try WatermazeTasks(settings: settings)
        var swimmer = try Swimmer(tasks, platform: (0, 0))
        try swimmer.take(4)
        #expect(swimmer.rewards == [1] && swimmer.terminated && !swimmer.truncated)
        swimmer = try Swimmer(tasks, platform: (-700, 0))
        try swimmer.take(4)
        #expect(!swimmer.terminated && !swimmer.truncated)
        try swimmer.take(4)
        #expect(swimmer.rewards == [0, 0] && !swimmer.terminated && swimmer.truncated)
        // Found by the last step there is: it ends once.
        settings.horizon = 1
        swimmer = try Swimmer(try WatermazeTasks(settings: settings), platform: (0, 0))
        try swimmer.take(4)
        #expect(swimmer.terminated && !swimmer.truncated)
    }

    @Test("a uniformly random policy finds the platform in 0.13 to 0.19 of the episodes") func randomPolicy() throws {
        var found = 0
        let (places, episodes) = (400, 30)
        let random = Philox(StreamKey(seed: 9, task: 0, repetition: 0, actor: 0))
        for id in 0..<places {
            var environment = try tasks.makeEnvironment(
                task: tasks.task(id), keys: [StreamKey(seed: 2, task: id, repetition: 0, actor: 0)])
            for episode in 0..<UInt64(episodes) {
                try environment.reset(0, episode: episode)
                for step in 0..<UInt32(50) {
                    let drawn = random.uniform(.policy, episode: episode + UInt64(id * episodes), step: step)
                    var (reward, terminated, truncated): (Float, UInt8, UInt8) = (0, 0, 0)
                    try environment.step(
                        actions: [UInt8(8 * drawn)], rewards: &reward, terminations: &terminated,
                        truncations: &truncated)
                    if reward > 0 { found += 1 }
                }
            }
        }
        let share = Double(found) / Double(places * episodes)
        #expect(0.13...0.19 ~= share, "\(share)")
    }

    @Test("stored frames are what is seen of the stored states") func stored() throws {
        var settings = WatermazeSettings()
        (settings.width, settings.height, settings.stored) = (40, 30, .frames)
        let frames = try WatermazeTasks(settings: settings)
        #expect(!frames.environment.hasView)
        settings.stored = .states
        let states = try WatermazeTasks(settings: settings)
        let task = try states.task(3)
        let keys = (0..<3).map { StreamKey(seed: 1, task: 3, repetition: 0, actor: $0) }
        var (one, other) = (
            try frames.makeEnvironment(task: task, keys: keys), try states.makeEnvironment(task: task, keys: keys)
        )
        let view = try #require(try states.view(of: task))
        for index in 0..<3 {
            try one.reset(index, episode: 4)
            try other.reset(index, episode: 4)
        }
        for step in 0..<20 {
            var pictures = [UInt8](repeating: 0, count: 3 * 3600)
            one.observe(into: &pictures)
            var poses = [Float](repeating: 0, count: 12)
            other.observe(into: &poses)
            var seen = [UInt8](repeating: 1, count: 3 * 3600)
            view.see(poses, count: 3, into: &seen)
            #expect(seen == pictures)
            #expect(Set(pictures).count > 10)
            let actions = (0..<3).map { UInt8(($0 + step) % 8) }
            var (rewards, ends) = ([Float](repeating: 0, count: 3), [UInt8](repeating: 0, count: 3))
            var cuts = ends
            try one.step(actions: actions, rewards: &rewards, terminations: &ends, truncations: &cuts)
            try other.step(actions: actions, rewards: &rewards, terminations: &ends, truncations: &cuts)
        }
    }
}
