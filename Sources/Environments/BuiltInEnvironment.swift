package import Experience

/// The environments that come with Distillery, by the name that experiments and streams use.
package enum BuiltInEnvironment: String, Sendable, CaseIterable {
    case darkRoom = "dark-room"

    /// Throws `EnvironmentError` with the accepted names.
    package init(name: String) throws {
        guard let environment = Self(rawValue: name) else {
            let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw EnvironmentError("unknown environment \(name.prefix(64).debugDescription), expected one of: \(names)")
        }
        self = environment
    }

    /// The paper's settings as JSON.
    package var defaultSettingsJSON: String {
        switch self {
        case .darkRoom: DarkRoomSettings().json
        }
    }
}

/// A built-in environment with its settings: what an experiment names and what a stream file remembers.
package enum EnvironmentSettings: Hashable, Sendable {
    case darkRoom(DarkRoomSettings)

    /// From a name and the settings as JSON, as in a stream's `environment` and `environment_json`.
    /// Throws `EnvironmentError` for an unknown name, unknown keys or values out of range.
    package init(name: String, json: String) throws {
        switch try BuiltInEnvironment(name: name) {
        case .darkRoom: self = .darkRoom(try DarkRoomSettings(json: json))
        }
    }

    package var environment: BuiltInEnvironment {
        switch self {
        case .darkRoom: .darkRoom
        }
    }

    /// What the stream attribute `environment_json` holds.
    package var json: String {
        switch self {
        case .darkRoom(let settings): settings.json
        }
    }

    /// Throws `EnvironmentError` for settings or a split out of range.
    package func makeTasks(split: TaskSplit) throws -> any TaskDistribution {
        switch self {
        case .darkRoom(let settings): try DarkRoomTasks(settings: settings, split: split)
        }
    }
}

/// Rebuilds the environment of a recorded stream, one copy, from what the stream's attributes say.
///
/// `environmentJSON` and `taskJSON` may come from a hostile file: whatever does not describe a task of a built-in
/// environment is refused with `EnvironmentError`. The split does not matter to a replay.
package func makeRecordedEnvironment(
    name: String, environmentJSON: String, taskJSON: String, key: StreamKey
) throws -> any Environment {
    let tasks = try EnvironmentSettings(name: name, json: environmentJSON)
        .makeTasks(split: TaskSplit(testTasks: 0))
    return try tasks.makeEnvironment(task: Task(id: key.task, split: .train, json: taskJSON), keys: [key])
}
