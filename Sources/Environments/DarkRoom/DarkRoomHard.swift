package import Experience
package import Settings

/// A larger room whose goal cannot be seen, rewarded once an episode (paper, section 4: Dark Room Hard).
package struct DarkRoomHardSettings: SettingsGroup {
    /// Cells along a side; an episode starts in cell (size / 2, size / 2).
    package var size = 17
    /// Steps of an episode. The paper does not give it: with Dark Room's 20 the far goals are out of reach of random
    /// actions, and its curves out of reach of its algorithm.
    package var horizon = 50

    package init() {}

    package init(size: Int = 17, horizon: Int = 50) {
        self.size = size
        self.horizon = horizon
    }

    package static let entries: [Entry<DarkRoomHardSettings>] = [
        .key(
            "size", \.size, .integer(2...128), stated: true,
            "Cells along a side of the room; there is one task for each cell."),
        .key("horizon", \.horizon, .integer(1...100_000), stated: true, "Steps of an episode."),
    ]
}

/// One task for each goal cell; task id = y * size + x of the goal. Its `task_json` is `{"goal":[x,y]}`.
package struct DarkRoomHardTasks: EnvironmentKind {
    package static let name = "dark-room-hard"
    package static let summary = "A larger room whose goal cannot be seen: 1 for the first step that ends on it."

    package let environment: EnvironmentDescription
    package let count: Int
    private let splits: [Split]
    private let settings: DarkRoomHardSettings

    /// Throws `EnvironmentError` for settings or a split out of range.
    package init(settings: DarkRoomHardSettings = DarkRoomHardSettings(), split: TaskSplit = TaskSplit()) throws {
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
        let start = settings.size / 2
        let distance = abs(Int(goal.x) - start) + abs(Int(goal.y) - start)
        // A goal in the start cell needs a step that ends there.
        let optimum = max(distance, 1) <= settings.horizon ? 1.0 : 0
        return ReferenceReturns(optimum: optimum, random: expectedRandomReturn(of: goal))
    }

    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        DarkRoomHard(
            description: environment, settings: settings, goal: try goal(of: task.json), count: keys.count)
    }

    /// Exact: the probability that a walk of uniformly random actions meets the goal.
    private func expectedRandomReturn(of goal: SIMD2<UInt8>) -> Double {
        let size = settings.size
        var walk = RandomWalk(size: size)
        walk.occupancy[(size / 2) * size + size / 2] = 1
        return (0..<settings.horizon).reduce(0) { total, _ in
            walk.step()
            return total + walk.leave(Int(goal.y) * size + Int(goal.x))
        }
    }

    private func goal(of json: String) throws -> SIMD2<UInt8> {
        try readCells(json, ["goal"], size: settings.size, environment: Self.name, example: "{\"goal\":[3,5]}")[0]
    }
}

/// Copies of a room with one hidden goal: reward 1 for the first step of an episode that ends on it, truncated after
/// `horizon` steps.
///
/// Observations, actions and the start are Dark Room's. Nothing is random, and reaching the goal does not end an
/// episode.
private struct DarkRoomHard: SolvedEnvironment {
    let description: EnvironmentDescription
    private let goal: SIMD2<UInt8>
    private var copies: RoomCopies
    /// (B): 1 where the episode has had its reward.
    private var found: [UInt8]

    init(description: EnvironmentDescription, settings: DarkRoomHardSettings, goal: SIMD2<UInt8>, count: Int) {
        self.description = description
        self.goal = goal
        copies = RoomCopies(count, of: description.name, size: settings.size, horizon: settings.horizon)
        found = Array(repeating: 0, count: count)
        for index in 0..<count { reset(index, episode: 0) }
    }

    var count: Int { copies.count }

    mutating func reset(_ index: Int, episode: UInt64) {
        copies.reset(index, at: copies.centre)
        found[index] = 0
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) { copies.observe(index, into: observation) }

    func observe(into observations: UnsafeMutableRawPointer) { copies.observe(into: observations) }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        copies.step(actions: actions.assumingMemoryBound(to: UInt8.self), truncations: truncations)
        terminations.update(repeating: 0, count: count)
        copies.positions.withUnsafeBufferPointer { cells in
            found.withUnsafeMutableBufferPointer { found in
                for index in found.indices {
                    let isThere: UInt8 = cells[index] == goal ? 1 : 0
                    rewards[index] = Float(isThere & (found[index] ^ 1))
                    found[index] |= isThere
                }
            }
        }
    }

    /// To the goal, and then it does not matter.
    func chooseOptimally(into actions: UnsafeMutableRawPointer) { copies.chooseWay(into: actions) { _ in goal } }
}
