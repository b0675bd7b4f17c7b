package import Agents
package import Environments
package import Experience
package import Settings

/// Q-learning on a table of all observations (Watkins 1989), with actions that are random now and then.
package struct TabularQSettings: SettingsGroup {
    package var learningRate = 0.2
    package var discount = 0.9
    package var exploration = 0.1
    package var rolloutLength = 10

    package init() {}

    package static let entries: [Entry<TabularQSettings>] = [
        .key("learning_rate", \.learningRate, .number(above: 0, to: 1), "How far a value moves towards its target."),
        .key("discount", \.discount, .number(0, 1), "Discount of later rewards."),
        .key("exploration", \.exploration, .number(0, 1), "Share of the steps whose action is random."),
        .key("rollout_length", \.rolloutLength, .integer(1...10_000), "Steps of an actor between two updates."),
    ]
}

package enum TabularQ: SourceAlgorithmKind {
    package static let name = "tabular-q"
    package static let summary = "Q-learning on a table of all observations."

    package static func needs(
        _ settings: TabularQSettings, environment: EnvironmentDescription, actors: Int
    ) throws -> LifetimeNeeds {
        let table = try QTable(environment)
        return LifetimeNeeds(
            rolloutLength: settings.rolloutLength, largestSavedBytes: TabularQLearner.savedBytes(table),
            operationsPerTransition: Double(4 * table.actions))
    }

    package static func makeActor(
        _ settings: TabularQSettings, environment: EnvironmentDescription, keys: [StreamKey]
    ) throws -> any SourceActor {
        TabularQActor(settings, try QTable(environment), keys: keys)
    }

    package static func makeLearner(
        _ settings: TabularQSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws -> any SourceLearner {
        guard scene.view == nil else {
            throw SourceAlgorithmError("tabular-q learns from observations as streams store them")
        }
        return TabularQLearner(settings, try QTable(scene.environment), scene.environment)
    }
}

/// The value of every action at every observation, (observations, actions).
struct QTable {
    let components: IntegerComponents
    let observations: Int
    let actions: Int
    var values: [Float]

    /// Throws `SourceAlgorithmError` for spaces that are no table.
    init(_ environment: EnvironmentDescription) throws {
        guard let components = IntegerComponents(environment.observationSpace), let size = components.tableSize,
            case .discrete(let actions) = environment.actionSpace, actions <= 256
        else {
            throw SourceAlgorithmError(
                "tabular-q needs a few integers as observation and at most 256 actions, not those of \(environment.name)"
            )
        }
        self.components = components
        self.actions = actions
        observations = size
        values = Array(repeating: 0, count: size * actions)
    }

    /// The best action at an observation, the first of those that are as good.
    func best(_ observation: Int) -> (action: Int, value: Float) {
        let row = values[(observation * actions)..<((observation + 1) * actions)]
        let index = row.indices.max { row[$0] < row[$1] } ?? row.startIndex
        return (index - row.startIndex, row[index])
    }
}

/// Acts by the learner's last table.
final class TabularQActor: SourceActor {
    private let settings: TabularQSettings
    private var table: QTable
    private let generators: [Philox]
    var count: Int { generators.count }

    init(_ settings: TabularQSettings, _ table: QTable, keys: [StreamKey]) {
        self.settings = settings
        self.table = table
        generators = keys.map { Philox($0) }
    }

    func load(parameters: UnsafeBufferPointer<Float>) throws {
        guard parameters.count == table.values.count, parameters.allSatisfy(\.isFinite) else {
            throw SourceAlgorithmError("expected \(table.values.count) values, found \(parameters.count) numbers")
        }
        table.values = Array(parameters)
    }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        for actor in 0..<count {
            let bytes = observations + actor * table.components.byteCount
            guard let observation = table.components.number(of: bytes) else {
                preconditionFailure("actor \(actor) observed something outside its observation space")
            }
            let words = generators[actor].words(.policy, episode: episodes[actor], step: steps[actor])
            let isRandom = Double(Philox.unit(words.x)) < settings.exploration
            let action = isRandom ? Int(Philox.unit(words.y) * Float(table.actions)) : table.best(observation).action
            actions.storeBytes(of: UInt8(action), toByteOffset: actor, as: UInt8.self)
        }
    }
}

/// Moves the value of each action that was taken towards its reward and the best value of what it led to.
final class TabularQLearner: SourceLearner {
    private(set) var version: UInt64 = 0
    var onProgress: (() -> Void)?
    private let settings: TabularQSettings
    private let layout: RolloutLayout
    private var table: QTable

    init(_ settings: TabularQSettings, _ table: QTable, _ environment: EnvironmentDescription) {
        self.settings = settings
        self.table = table
        layout = environment.rolloutLayout
    }

    func withActingParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try table.values.withUnsafeBufferPointer(body)
    }

    /// One rollout of each actor an update, and the rest at the end.
    func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int {
        waiting.count >= waiting.roundSize || waiting.isOver ? waiting.count : 0
    }

    func update(_ batches: [RolloutBatch]) throws -> UpdateReport {
        var report = UpdateReport(version: version + 1)
        var rollouts: [(header: RolloutHeader, steps: [Step])] = []
        for batch in batches {
            try batch.forEachRollout(layout) { header, rows in
                report.rows += rows.length
                rollouts.append((header, try steps(of: rows)))
            }
        }
        // What is learnt must not depend on which process a rollout came from.
        rollouts.sort {
            ($0.header.actor, $0.header.incarnation, $0.header.sequence)
                < ($1.header.actor, $1.header.incarnation, $1.header.sequence)
        }
        for step in rollouts.flatMap(\.steps) {
            let index = step.observation * table.actions + step.action
            let later = step.next.map { Float(settings.discount) * table.best($0).value } ?? 0
            table.values[index] += Float(settings.learningRate) * (step.reward + later - table.values[index])
            report.learntRows += 1
        }
        version += 1
        return report
    }

    private struct Step {
        let observation: Int
        let action: Int
        let reward: Float
        /// Nil where the episode ended.
        let next: Int?
    }

    /// The last step of a rollout that ends in mid-episode is not learnt from: what it led to comes with the next rollout
    /// only. A3C keeps such a row until then (`CutRows`); here one in `rolloutLength` is lost.
    private func steps(of rows: RolloutRows) throws -> [Step] {
        guard let observations = rows[.observations].baseAddress, let actions = rows[.actions].baseAddress else {
            return []
        }
        let (terminations, truncations) = (rows[.terminations], rows[.truncations])
        func observation(_ row: Int) throws -> Int {
            guard let number = table.components.number(of: observations + row * table.components.byteCount) else {
                throw SourceAlgorithmError("row \(row) holds an observation outside its space")
            }
            return number
        }
        return try (0..<rows.length).compactMap { row in
            let isEnd = terminations[row] != 0 || truncations[row] != 0
            guard isEnd || row + 1 < rows.length else { return nil }
            let action = Int(actions.load(fromByteOffset: row, as: UInt8.self))
            guard action < table.actions else {
                throw SourceAlgorithmError("row \(row) holds action \(action), expected 0 to \(table.actions - 1)")
            }
            return Step(
                observation: try observation(row), action: action,
                reward: rows[.rewards].loadUnaligned(fromByteOffset: 4 * row, as: Float.self),
                next: isEnd ? nil : try observation(row + 1))
        }
    }
}

/// Saved bytes, little-endian: updates (UInt64), the table (Float each), CRC-32C of all before it.
extension TabularQLearner {
    static func savedBytes(_ table: QTable) -> Int { 8 + 4 * table.values.count + 4 }

    func save() -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(version)
        for value in table.values { append(value.bitPattern) }
        append(bytes.withUnsafeBytes { CRC32C.of($0) })
        return bytes
    }

    func restore(_ bytes: [UInt8]) throws {
        let expected = Self.savedBytes(table)
        try bytes.withUnsafeBytes { saved in
            guard saved.count == expected,
                UInt32(littleEndian: saved.loadUnaligned(fromByteOffset: expected - 4, as: UInt32.self))
                    == CRC32C.of(UnsafeRawBufferPointer(rebasing: saved.dropLast(4)))
            else { throw SourceAlgorithmError("not \(expected) bytes that a learner like this one has saved") }
            version = UInt64(littleEndian: saved.loadUnaligned(as: UInt64.self))
            for index in table.values.indices {
                let bits = saved.loadUnaligned(fromByteOffset: 8 + 4 * index, as: UInt32.self)
                table.values[index] = Float(bitPattern: UInt32(littleEndian: bits))
            }
        }
    }
}
