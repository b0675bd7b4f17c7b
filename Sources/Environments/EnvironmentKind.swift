package import Experience
package import Settings

/// An environment as a kind that experiments and streams name: its tasks are made from its settings and a split.
///
/// A new environment is one file or folder with a type that conforms, and one line in `Registry.swift`;
/// docs/add-an-environment.md goes through it.
package protocol EnvironmentKind: TaskDistribution {
    associatedtype Settings: SettingsGroup
    /// In experiments and in streams: `dark-room`.
    static var name: String { get }
    /// One sentence for people: what is to be done, what is seen, what is rewarded.
    static var summary: String { get }
    /// Throws `EnvironmentError` for settings or a split out of range.
    init(settings: Settings, split: TaskSplit) throws
}

extension EnvironmentKind {
    /// Throws `EnvironmentError` with every setting that is out of range.
    package static func check(_ settings: Settings) throws(EnvironmentError) {
        do {
            try settings.validate()
        } catch {
            throw EnvironmentError("settings of \(name): \(error)")
        }
    }
}

/// An environment in the registry: an `EnvironmentKind` without its type, so that kinds with different settings stand
/// in one list.
package struct RegisteredEnvironment: SettingsKind {
    package let name: String
    package let summary: String
    package let defaults: any SettingsGroup
    fileprivate let makeTasks: @Sendable (any SettingsGroup, TaskSplit) throws -> any TaskDistribution

    package init<Kind: EnvironmentKind>(_ kind: Kind.Type) {
        name = Kind.name
        summary = Kind.summary
        defaults = Kind.Settings()
        makeTasks = { settings, split in
            guard let settings = settings as? Kind.Settings else {
                preconditionFailure("settings of another environment than \(Kind.name)")
            }
            return try Kind(settings: settings, split: split)
        }
    }
}

/// An environment with its settings: what an experiment names and what a stream file remembers.
package typealias EnvironmentSettings = Chosen<RegisteredEnvironment>

extension Chosen where Kind == RegisteredEnvironment {
    /// From a name and the settings as JSON, as in a stream's `environment` and `environment_json`.
    /// Throws `EnvironmentError` for an unknown name, unknown keys or values out of range.
    package init(name: String, json: String) throws(EnvironmentError) {
        do {
            self = try Chosen(try RegisteredEnvironment.registry.named(name), json: json)
        } catch {
            throw EnvironmentError("\(error)")
        }
    }

    /// The distribution of tasks. Throws `EnvironmentError` for settings or a split out of range.
    package func makeTasks(split: TaskSplit) throws -> any TaskDistribution {
        try kind.makeTasks(settings, split)
    }
}

/// Rebuilds the environment of a recorded stream, one copy, from what the stream's attributes say.
///
/// `environmentJSON` and `taskJSON` may come from a hostile file: a text that does not describe a task of a known
/// environment is refused with `EnvironmentError`. The split does not matter to a replay.
package func makeRecordedEnvironment(
    name: String, environmentJSON: String, taskJSON: String, key: StreamKey
) throws -> any Environment {
    let tasks = try EnvironmentSettings(name: name, json: environmentJSON)
        .makeTasks(split: TaskSplit(testTasks: 0))
    return try tasks.makeEnvironment(task: Task(id: key.task, split: .train, json: taskJSON), keys: [key])
}
