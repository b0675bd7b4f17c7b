package import Experience
import FoundationEssentials
import Settings

/// Pools with a platform at a random place: one task for each, its `task_json` is `{"platform":[x,y]}`.
///
/// Platforms are uniform over the ring between the settings' two radii, a disc by default. Ids 0 to 99,999 are the train
/// tasks, and of the next 100,000 the first `testTasks` are held out: places are continuous, so no two tasks share one. A
/// task's place is drawn when it is asked for, from the split's seed and its id; nothing is kept.
package struct WatermazeTasks: EnvironmentKind {
    package static let name = "watermaze"
    package static let summary =
        "A pool seen in first person, with a platform that cannot be seen: 1 for the step that finds it."

    /// Ids of each split.
    package static let tasksOfSplit = 100_000
    private static let example = "{\"platform\":[120.5,-300]}"

    package let environment: EnvironmentDescription
    let settings: WatermazeSettings
    private let testTasks: Int
    private let generator: Philox

    /// Throws `EnvironmentError` for settings or a split out of range.
    package init(settings: WatermazeSettings = WatermazeSettings(), split: TaskSplit = TaskSplit()) throws {
        try Self.check(settings)
        guard settings.leastRadius <= settings.largestRadius else {
            throw EnvironmentError(
                "settings of \(Self.name): least_radius \(settings.leastRadius) is above largest_radius "
                    + "\(settings.largestRadius)")
        }
        guard 0...Self.tasksOfSplit ~= split.testTasks else {
            throw EnvironmentError(
                "the split holds out \(split.testTasks) test tasks, expected 0 to \(Self.tasksOfSplit)")
        }
        self.settings = settings
        testTasks = split.testTasks
        generator = split.generator
        environment = EnvironmentDescription(
            name: Self.name,
            observationSpace: .box(
                shape: [settings.height, settings.width, 3], type: .uint8, low: 0, high: 255),
            stored: settings.stored == .frames
                ? nil : StoredObservation(name: "states", space: WatermazeState.space),
            actionSpace: .discrete(count: WatermazeAction.allCases.count), horizon: settings.horizon,
            json: settings.json, stateFeatures: settings.stored == .states ? WatermazeState.features : nil)
    }

    package var count: Int { 2 * Self.tasksOfSplit }

    package func ids(of split: Split) -> [Int] {
        switch split {
        case .train: Array(0..<Self.tasksOfSplit)
        case .test: Array(Self.tasksOfSplit..<(Self.tasksOfSplit + testTasks))
        }
    }

    package func task(_ id: Int) throws -> Task {
        guard 0..<count ~= id else { throw EnvironmentError.noTask(id, of: environment.name, count) }
        func draw(_ number: UInt32) -> Float {
            generator.uniform(.environment, episode: UInt64(id), step: number)
        }
        let (least, largest) = (Float(settings.leastRadius), Float(settings.largestRadius))
        let radius = (least * least + draw(0) * (largest * largest - least * least)).squareRoot()
        let place = radius * direction(degrees: 360 * draw(1))
        return Task(
            id: id, split: id < Self.tasksOfSplit ? .train : .test, json: "{\"platform\":[\(place.x),\(place.y)]}")
    }

    /// The platform can be reached within ten steps from the centre; what random actions find is known by trying them
    /// alone, see `WatermazeSettings.move`.
    package func references(of task: Task) -> ReferenceReturns {
        ReferenceReturns(optimum: settings.horizon >= 20 && settings.move >= 50 ? 1 : nil)
    }

    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        let platform = try platform(of: task.json)
        return Watermaze(
            description: environment, settings: settings, platform: platform, keys: keys,
            view: settings.stored == .frames ? WatermazeView(settings: settings, platform: platform) : nil)
    }

    package func makeView(of task: Task) throws -> (any ObservationView)? {
        WatermazeView(settings: settings, platform: try platform(of: task.json))
    }

    /// The platform's centre.
    func platform(of json: String) throws -> SIMD2<Float> {
        let what = "task of \(Self.name)"
        let fields = try readJSON(json, as: [String: [Float]].self, what: what, example: Self.example)
        guard fields.count == 1, let place = fields["platform"], place.count == 2,
            place.allSatisfy({ abs($0) <= Arena.inside }), Arena.contains(SIMD2(place[0], place[1]))
        else {
            throw EnvironmentError(
                "\(what): expected a place inside the walls, as in \(Self.example), found "
                    + "\(fields.map { "\($0.key) \($0.value.prefix(4))" }.sorted().prefix(4))")
        }
        return SIMD2(place[0], place[1])
    }
}
