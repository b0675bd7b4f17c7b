package import Experience
import Settings

/// One task for each goal cell of a dark room; task id = y * size + x of the goal. Its `task_json` is `{"goal":[x,y]}`.
///
/// The start cell is a task too. In a room of 9 x 9, task 48 has its goal at (3, 5), two steps from the start, and with
/// 20 steps the best possible return 19.
package struct DarkRoomTasks: EnvironmentKind {
    package static let name = "dark-room"
    package static let summary = "A room whose goal cannot be seen: 1 for every step that ends on it."

    package let environment: EnvironmentDescription
    package let count: Int
    private let splits: [Split]
    private let settings: DarkRoomSettings

    /// Throws `EnvironmentError` for settings or a split out of range.
    package init(settings: DarkRoomSettings = DarkRoomSettings(), split: TaskSplit = TaskSplit()) throws {
        try Self.check(settings)
        count = settings.size * settings.size
        splits = try split.assign(count: count)
        self.settings = settings
        environment = .room(Self.name, size: settings.size, horizon: settings.horizon, json: settings.json)
    }

    package func ids(of split: Split) -> [Int] { splits.indices.filter { splits[$0] == split } }

    package func task(_ id: Int) throws -> Task {
        guard splits.indices.contains(id) else { throw EnvironmentError.noTask(id, of: environment.name, count) }
        return Task(id: id, split: splits[id], json: "{\"goal\":[\(id % settings.size),\(id / settings.size)]}")
    }

    package func references(of task: Task) -> ReferenceReturns {
        guard let goal = try? goal(of: task.json) else { return ReferenceReturns() }
        return ReferenceReturns(optimum: optimum(of: goal), random: expectedRandomReturn(of: goal))
    }

    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        let goal = try goal(of: task.json)
        return DarkRoom(description: environment, settings: settings, goal: goal, count: keys.count)
    }

    /// Walk straight to the goal and stay: every step from the arrival on is rewarded. A goal in the start cell is
    /// rewarded from the first step on, because a reward needs a step that ends there.
    private func optimum(of goal: SIMD2<UInt8>) -> Double {
        let start = settings.size / 2
        let distance = abs(Int(goal.x) - start) + abs(Int(goal.y) - start)
        return Double(max(0, settings.horizon - max(distance, 1) + 1))
    }

    /// Exact: a walk of uniformly random actions is pushed forward for `horizon` steps.
    private func expectedRandomReturn(of goal: SIMD2<UInt8>) -> Double {
        let size = settings.size
        var walk = RandomWalk(size: size)
        walk.occupancy[(size / 2) * size + size / 2] = 1
        return (0..<settings.horizon).reduce(0) { total, _ in
            walk.step()
            return total + walk.occupancy[Int(goal.y) * size + Int(goal.x)]
        }
    }

    private func goal(of json: String) throws -> SIMD2<UInt8> {
        try readCells(json, ["goal"], size: settings.size, environment: Self.name, example: "{\"goal\":[3,5]}")[0]
    }
}

extension EnvironmentSettings {
    /// A dark room with these settings.
    package static func darkRoom(_ settings: DarkRoomSettings) -> EnvironmentSettings {
        EnvironmentSettings(RegisteredEnvironment(DarkRoomTasks.self), settings: settings)
    }
}
