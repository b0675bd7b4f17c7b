package import Environments
package import Experience
import FoundationEssentials
package import Settings

/// A corridor with a door that cannot be seen: 1 for the step that ends at the door, which ends the episode.
package struct CorridorSettings: SettingsGroup {
    /// Cells of the corridor.
    package var length = 7
    /// Most steps of an episode.
    package var horizon = 12

    package init() {}

    package static let entries: [Entry<CorridorSettings>] = [
        .key("length", \.length, .integer(2...256), stated: true, "Cells of the corridor; there is a task for each."),
        .key("horizon", \.horizon, .integer(1...10_000), stated: true, "Most steps of an episode."),
    ]
}

/// One task for each cell that the door can be at; the task's id is the cell.
package struct CorridorTasks: EnvironmentKind {
    package static let name = "corridor"
    package static let summary = "A corridor with a door that cannot be seen: 1 for the step that ends at the door."

    package let environment: EnvironmentDescription
    package let count: Int
    private let splits: [Split]
    private let settings: CorridorSettings

    package init(settings: CorridorSettings, split: TaskSplit) throws {
        try Self.check(settings)
        self.settings = settings
        count = settings.length
        splits = try split.assign(count: count)
        environment = EnvironmentDescription(
            name: Self.name, observationSpace: .discrete(count: settings.length), actionSpace: .discrete(count: 3),
            horizon: settings.horizon, json: settings.json)
    }

    package func ids(of split: Split) -> [Int] { splits.indices.filter { splits[$0] == split } }

    package func task(_ id: Int) throws -> Task {
        guard splits.indices.contains(id) else { throw EnvironmentError.noTask(id, of: Self.name, count) }
        return Task(id: id, split: splits[id], json: "{\"door\":\(id)}")
    }

    /// Whoever knows the door walks straight to it, from wherever the episode starts.
    package func references(of task: Task) -> ReferenceReturns {
        guard let door = try? door(of: task.json) else { return ReferenceReturns() }
        let near = (0..<settings.length).count { max(1, abs($0 - door)) <= settings.horizon }
        return ReferenceReturns(optimum: Double(near) / Double(settings.length))
    }

    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        Corridor(description: environment, settings: settings, door: try door(of: task.json), keys: keys)
    }

    /// The JSON may come from a file that somebody altered.
    private func door(of json: String) throws -> Int {
        let fields = try? JSONDecoder().decode([String: Int].self, from: Data(json.utf8))
        guard let fields, fields.count == 1, let door = fields["door"], (0..<settings.length).contains(door) else {
            throw EnvironmentError("task of corridor: expected a door as in {\"door\":3}, found \(json.prefix(80))")
        }
        return door
    }
}

/// Copies of one corridor. Actions: 0 left, 1 stay, 2 right; an end stops. An episode starts in a random cell.
struct Corridor: Environment {
    let description: EnvironmentDescription
    let count: Int
    private let settings: CorridorSettings
    private let door: Int
    private let generators: [Philox]
    private var cells: [Int]
    private var steps: [Int]

    init(description: EnvironmentDescription, settings: CorridorSettings, door: Int, keys: [StreamKey]) {
        self.description = description
        self.settings = settings
        self.door = door
        count = keys.count
        generators = keys.map { Philox($0) }
        cells = Array(repeating: 0, count: keys.count)
        steps = cells
    }

    mutating func reset(_ index: Int, episode: UInt64) {
        let drawn = generators[index].uniform(.environment, episode: episode, step: 0)
        cells[index] = Int(drawn * Float(settings.length))
        steps[index] = 0
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        observation.storeBytes(of: UInt8(cells[index]), as: UInt8.self)
    }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        for index in 0..<count {
            let action = Int(actions.load(fromByteOffset: index, as: UInt8.self))
            cells[index] = min(max(cells[index] + action - 1, 0), settings.length - 1)
            steps[index] += 1
            let isThere = cells[index] == door
            rewards[index] = isThere ? 1 : 0
            terminations[index] = isThere ? 1 : 0
            truncations[index] = !isThere && steps[index] == settings.horizon ? 1 : 0
        }
    }
}
