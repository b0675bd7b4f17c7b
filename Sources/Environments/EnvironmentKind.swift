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
    /// The settings with what has to be found out once, when an experiment's file is read, such as what an environment in
    /// another process says of itself. Unless implemented they are complete. Throws `EnvironmentError`.
    static func completed(_ settings: Settings) throws -> Settings
    /// Whether the default settings say which tasks there are. True unless implemented.
    static var hasDefaultTasks: Bool { get }
}

extension EnvironmentKind {
    package static func completed(_ settings: Settings) throws -> Settings { settings }
    package static var hasDefaultTasks: Bool { true }

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
    /// Whether there are tasks with the defaults; otherwise an experiment has to say which environment it is.
    package let hasDefaultTasks: Bool
    fileprivate let makeTasks: @Sendable (any SettingsGroup, TaskSplit) throws -> any TaskDistribution
    fileprivate let completed: @Sendable (any SettingsGroup, RegisteredEnvironment) throws -> EnvironmentSettings

    package init<Kind: EnvironmentKind>(_ kind: Kind.Type) {
        @Sendable func typed(_ settings: any SettingsGroup) -> Kind.Settings {
            guard let settings = settings as? Kind.Settings else {
                preconditionFailure("settings of another environment than \(Kind.name)")
            }
            return settings
        }
        name = Kind.name
        summary = Kind.summary
        defaults = Kind.Settings()
        hasDefaultTasks = Kind.hasDefaultTasks
        makeTasks = { try Kind(settings: typed($0), split: $1) }
        completed = { EnvironmentSettings($1, settings: try Kind.completed(typed($0))) }
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

    /// The same with what its kind finds out once: see `EnvironmentKind.completed`. Throws `EnvironmentError`.
    package func completed() throws -> EnvironmentSettings { try kind.completed(settings, kind) }
}

/// The environment of a recorded stream and its task, rebuilt from what the stream's attributes say.
///
/// The texts may come from a hostile file: one that does not describe a task of a known environment is refused with
/// `EnvironmentError`. The split does not matter to a replay.
package struct RecordedTask {
    /// The environment's, whose split is not that of the recording.
    package let tasks: any TaskDistribution
    package let task: Task

    /// Throws `EnvironmentError` for an unknown environment or settings that it does not accept.
    package init(environment: String, environmentJSON: String, id: Int, taskJSON: String) throws {
        tasks = try EnvironmentSettings(name: environment, json: environmentJSON)
            .makeTasks(split: TaskSplit(testTasks: 0))
        task = Task(id: id, split: .train, json: taskJSON)
    }

    /// Throws `EnvironmentError` where a file claims other spaces than the environment that it names has: what reads the
    /// one by the other would read beyond its end.
    package func check(hasSpacesOf recorded: EnvironmentDescription) throws {
        let own = tasks.environment
        guard own.observationSpace == recorded.observationSpace, own.stored == recorded.stored,
            own.actionSpace == recorded.actionSpace
        else { throw EnvironmentError("the file's spaces are not those of \(own.name)") }
    }

    /// One copy, to be stepped through the stream again. Throws `EnvironmentError` where the environment promises no
    /// replay.
    package func makeEnvironment(key: StreamKey) throws -> any Environment {
        guard tasks.isReplayable else {
            throw EnvironmentError(
                "\(tasks.environment.name) does not promise that the same actions bring the same again")
        }
        return try tasks.makeEnvironment(task: task, keys: [key])
    }

    /// What is seen of the stream's stored observations; nil where it is the same.
    package func makeView() throws -> (any ObservationView)? { try tasks.view(of: task) }
}
