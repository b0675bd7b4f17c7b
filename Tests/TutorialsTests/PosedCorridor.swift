import Environments
import Experience
import Toys

/// The corridor of the tutorial, whose streams store where an agent stands as a share of the corridor's length: what is
/// seen, the cell, follows from it.
struct PosedCorridorTasks: EnvironmentKind {
    static let name = "posed-corridor"
    static let summary = "A corridor whose streams store poses and whose agents see cells."

    let environment: EnvironmentDescription
    private let corridor: CorridorTasks
    private let length: Int

    init(settings: CorridorSettings, split: TaskSplit) throws {
        corridor = try CorridorTasks(settings: settings, split: split)
        length = settings.length
        let seen = corridor.environment
        environment = EnvironmentDescription(
            name: Self.name, observationSpace: seen.observationSpace,
            stored: StoredObservation(
                name: "states", space: .box(shape: [2], type: .float32, low: 0, high: 1)),
            actionSpace: seen.actionSpace, horizon: seen.horizon, json: seen.json)
    }

    var count: Int { corridor.count }
    func ids(of split: Split) -> [Int] { corridor.ids(of: split) }
    func task(_ id: Int) throws -> Task { try corridor.task(id) }
    func references(of task: Task) -> ReferenceReturns { corridor.references(of: task) }

    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        PosedCorridor(
            description: environment, length: length, corridor: try corridor.makeEnvironment(task: task, keys: keys))
    }

    func makeView(of task: Task) throws -> (any ObservationView)? { CellOfPose(length: length) }
}

private struct PosedCorridor: Environment {
    let description: EnvironmentDescription
    let length: Int
    var corridor: any Environment

    var count: Int { corridor.count }
    mutating func reset(_ index: Int, episode: UInt64) throws { try corridor.reset(index, episode: episode) }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        var cell: UInt8 = 0
        corridor.observe(index, into: &cell)
        observation.storeBytes(of: Float(cell) / Float(length), as: Float.self)
        observation.storeBytes(of: 0.5, toByteOffset: 4, as: Float.self)
    }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) throws {
        try corridor.step(actions: actions, rewards: rewards, terminations: terminations, truncations: truncations)
    }
}

private struct CellOfPose: ObservationView {
    let length: Int

    func see(_ stored: UnsafeRawPointer, count: Int, into observations: UnsafeMutableRawPointer) {
        for index in 0..<count {
            let pose = stored.loadUnaligned(fromByteOffset: 8 * index, as: Float.self)
            let cell = UInt8((pose * Float(length)).rounded())
            observations.storeBytes(of: cell, toByteOffset: index, as: UInt8.self)
        }
    }
}
