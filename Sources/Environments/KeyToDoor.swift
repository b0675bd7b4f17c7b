package import Experience
package import Settings

/// A room in which a key has to be found before a door, neither of which can be seen (paper, section 4: Dark
/// Key-to-Door).
package struct KeyToDoorSettings: SettingsGroup {
    /// Cells along a side; an episode starts in a random one.
    package var size = 9
    /// Most steps of an episode.
    package var horizon = 50
    /// Whether the step through the door ends the episode. In the paper it does not.
    package var endsAtDoor = false

    package init() {}

    package init(size: Int = 9, horizon: Int = 50, endsAtDoor: Bool = false) {
        self.size = size
        self.horizon = horizon
        self.endsAtDoor = endsAtDoor
    }

    /// A room of 13 x 13 has 28,561 tasks; what is expected of random actions in all of them takes some seconds.
    package static let entries: [Entry<KeyToDoorSettings>] = [
        .key(
            "size", \.size, .integer(2...13), stated: true,
            "Cells along a side of the room; there is one task for each pair of cells."),
        .key("horizon", \.horizon, .integer(1...100_000), stated: true, "Most steps of an episode."),
        .key("ends_at_door", \.endsAtDoor, .boolean, "Whether the step through the door ends the episode."),
    ]
}

/// One task for each pair of cells. Its `task_json` is `{"door":[x,y],"key":[x,y]}`. Key and door may be in the same cell:
/// the door takes a step of its own.
///
/// A pair is key * size^2 + door, where a cell is y * size + x. Ids go through the pairs in long steps, so that the first of
/// them, which are all that a small experiment trains on, have keys and doors everywhere in the room.
package struct KeyToDoorTasks: EnvironmentKind {
    package static let name = "dark-key-to-door"
    package static let summary =
        "A room with a key and a door that cannot be seen: 1 for the first step onto the key, then 1 for the door."

    package let environment: EnvironmentDescription
    package let count: Int
    private let splits: [Split]
    private let settings: KeyToDoorSettings
    private var cells: Int { settings.size * settings.size }
    /// Pairs between those of two ids that follow on one another: about the golden section of all, and prime to their
    /// number, which is a power of the size.
    private let stride: Int

    /// Throws `EnvironmentError` for settings or a split out of range.
    package init(settings: KeyToDoorSettings = KeyToDoorSettings(), split: TaskSplit = TaskSplit()) throws {
        try Self.check(settings)
        count = settings.size * settings.size * settings.size * settings.size
        splits = try split.assign(count: count)
        var stride = max(1, Int(Double(count) * 0.618))
        while greatestCommonDivisor(stride, settings.size) > 1 { stride -= 1 }
        self.stride = stride
        self.settings = settings
        environment = .room(Self.name, size: settings.size, horizon: settings.horizon, json: settings.json)
    }

    package func ids(of split: Split) -> [Int] { splits.indices.filter { splits[$0] == split } }

    package func task(_ id: Int) throws -> Task {
        guard splits.indices.contains(id) else { throw EnvironmentError.noTask(id, of: environment.name, count) }
        let pair = id * stride % count
        let (key, door) = (pair / cells, pair % cells)
        func text(_ cell: Int) -> String { "[\(cell % settings.size),\(cell / settings.size)]" }
        return Task(id: id, split: splits[id], json: "{\"door\":\(text(door)),\"key\":\(text(key))}")
    }

    package func references(of task: Task) -> ReferenceReturns {
        guard let (key, door) = try? keyAndDoor(of: task.json) else { return ReferenceReturns() }
        return ReferenceReturns(optimum: optimum(key, door), random: expectedRandomReturn(key, door))
    }

    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        let (key, door) = try keyAndDoor(of: task.json)
        return KeyToDoor(description: environment, settings: settings, key: key, door: door, keys: keys)
    }

    /// Straight to the key and straight to the door, from each start cell; where one is already, a step is needed that
    /// ends there.
    private func optimum(_ key: SIMD2<UInt8>, _ door: SIMD2<UInt8>) -> Double {
        let toDoor = steps(from: key, to: door)
        let total = (0..<cells).reduce(0) { total, cell in
            let start = SIMD2(UInt8(cell % settings.size), UInt8(cell / settings.size))
            let toKey = steps(from: start, to: key)
            return total + (toKey <= settings.horizon ? 1 : 0) + (toKey + toDoor <= settings.horizon ? 1 : 0)
        }
        return Double(total) / Double(cells)
    }

    private func steps(from start: SIMD2<UInt8>, to end: SIMD2<UInt8>) -> Int {
        max(1, abs(Int(start.x) - Int(end.x)) + abs(Int(start.y) - Int(end.y)))
    }

    /// Exact: walks without and with the key are pushed forward together.
    private func expectedRandomReturn(_ key: SIMD2<UInt8>, _ door: SIMD2<UInt8>) -> Double {
        func cell(_ position: SIMD2<UInt8>) -> Int { Int(position.y) * settings.size + Int(position.x) }
        var seeking = RandomWalk(size: settings.size)
        seeking.occupancy = Array(repeating: 1 / Double(cells), count: cells)
        var carrying = RandomWalk(size: settings.size)
        return (0..<settings.horizon).reduce(0) { total, _ in
            seeking.step()
            carrying.step()
            let found = seeking.leave(cell(key))
            let opened = carrying.leave(cell(door))
            carrying.occupancy[cell(key)] += found
            return total + found + opened
        }
    }

    private func keyAndDoor(of json: String) throws -> (SIMD2<UInt8>, SIMD2<UInt8>) {
        let cells = try readCells(
            json, ["key", "door"], size: settings.size, environment: Self.name,
            example: "{\"door\":[7,1],\"key\":[3,5]}")
        return (cells[0], cells[1])
    }
}

/// Copies of a room with a hidden key and a hidden door. Observations and actions are Dark Room's.
///
/// An episode starts in a cell that the stream's key and the episode's number decide, each with the same probability.
private struct KeyToDoor: SolvedEnvironment {
    let description: EnvironmentDescription
    private let size: Int
    private let endsAtDoor: Bool
    private let key: SIMD2<UInt8>
    private let door: SIMD2<UInt8>
    private let generators: [Philox]
    private var copies: RoomCopies
    /// (B): what the episode has had. 0 nothing, 1 the key, 2 the door too.
    private var found: [UInt8]

    init(
        description: EnvironmentDescription, settings: KeyToDoorSettings, key: SIMD2<UInt8>, door: SIMD2<UInt8>,
        keys: [StreamKey]
    ) {
        self.description = description
        size = settings.size
        endsAtDoor = settings.endsAtDoor
        (self.key, self.door) = (key, door)
        generators = keys.map { Philox($0) }
        copies = RoomCopies(keys.count, of: description.name, size: settings.size, horizon: settings.horizon)
        found = Array(repeating: 0, count: keys.count)
    }

    var count: Int { copies.count }

    mutating func reset(_ index: Int, episode: UInt64) {
        let cells = size * size
        let drawn = generators[index].uniform(.environment, episode: episode, step: 0)
        let cell = min(Int(drawn * Float(cells)), cells - 1)
        copies.reset(index, at: SIMD2(UInt8(cell % size), UInt8(cell / size)))
        found[index] = 0
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) { copies.observe(index, into: observation) }

    func observe(into observations: UnsafeMutableRawPointer) { copies.observe(into: observations) }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        copies.step(actions: actions.assumingMemoryBound(to: UInt8.self), truncations: truncations)
        copies.positions.withUnsafeBufferPointer { cells in
            found.withUnsafeMutableBufferPointer { found in
                for index in found.indices {
                    let isAtKey: UInt8 = found[index] == 0 && cells[index] == key ? 1 : 0
                    let isAtDoor: UInt8 = found[index] == 1 && cells[index] == door ? 1 : 0
                    rewards[index] = Float(isAtKey | isAtDoor)
                    found[index] += isAtKey | isAtDoor
                    terminations[index] = endsAtDoor ? isAtDoor : 0
                    truncations[index] &= terminations[index] ^ 1
                }
            }
        }
    }

    /// To the key and then to the door.
    func chooseOptimally(into actions: UnsafeMutableRawPointer) {
        copies.chooseWay(into: actions) { found[$0] == 0 ? key : door }
    }
}

private func greatestCommonDivisor(_ one: Int, _ other: Int) -> Int {
    other == 0 ? one : greatestCommonDivisor(other, one % other)
}
