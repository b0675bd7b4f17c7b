package import Experience
import ExternalEnvironments
import Settings

/// The tasks of an environment in a process of its own: keyword arguments that the experiment lists, seeds, or numbers from
/// which the environment's class makes them. Without any of these there is one task.
///
/// `task_json` is what the process is told: `{"length":0.5}`, `{"seed":17}`, `{"number":17}`.
package struct ExternalTasks: EnvironmentKind {
    package static let name = "external"
    package static let summary =
        "An environment in a process of its own, such as one of Gymnasium's: docs/environments-python.md."

    /// Which environment it is has no default.
    package static let hasDefaultTasks = false

    package let environment: EnvironmentDescription
    package let count: Int
    private let splits: [Split]
    private let settings: ExternalSettings

    /// Throws `EnvironmentError` for settings or a split out of range, and where the environment was not asked for its description yet.
    package init(settings: ExternalSettings, split: TaskSplit) throws {
        try Self.check(settings)
        guard let description = settings.description else {
            throw EnvironmentError(
                "\(Self.name): the settings do not say what \(settings.program.name) shows and takes; it is asked when an "
                    + "experiment's file is read")
        }
        self.settings = settings
        count = settings.tasks.isEmpty ? max(1, settings.seeds, description.tasks) : settings.tasks.count
        splits = try split.assign(count: count)
        environment = EnvironmentDescription(
            name: Self.name, observationSpace: description.observation, actionSpace: description.action,
            horizon: description.horizon, json: settings.identity.json)
    }

    /// Asks the environment for its description where the settings do not have it: starts it, and ends
    /// it again, since a process that reads an experiment need not act in it. Throws `EnvironmentError`.
    package static func completed(_ settings: ExternalSettings) throws -> ExternalSettings {
        guard settings.description == nil, settings.contradictions().isEmpty else { return settings }
        var completed = settings
        do {
            let process = try EnvironmentProcess(settings.program)
            completed.description = ExternalSettings.Description(try process.describe())
        } catch { throw EnvironmentError("\(error)") }
        return completed
    }

    package func ids(of split: Split) -> [Int] { splits.indices.filter { splits[$0] == split } }

    package func task(_ id: Int) throws -> Task {
        guard splits.indices.contains(id) else { throw EnvironmentError.noTask(id, of: Self.name, count) }
        return Task(id: id, split: splits[id], json: json(of: id))
    }

    private func json(of id: Int) -> String {
        if !settings.tasks.isEmpty { return settings.tasks[id].json }
        if settings.seeds > 0 { return "{\"seed\":\(id)}" }
        return (settings.description?.tasks ?? 0) > 0 ? "{\"number\":\(id)}" : "{}"
    }

    package func references(of task: Task) -> ReferenceReturns { ReferenceReturns(optimum: settings.optimum) }

    package var processName: String? { settings.program.name }

    /// What the same actions bring is the process' affair.
    package var isReplayable: Bool { false }

    /// Throws `EnvironmentFailure` where the process cannot be started, or is another environment than it was.
    package func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        do {
            let process = try IdleProcesses.shared.take(settings.program)
            let found = ExternalSettings.Description(try process.describe())
            guard let expected = settings.description, found.isLike(expected) else {
                throw process.failure(
                    "shows \(found.observation) and takes \(found.action) in episodes of "
                        + "\(found.horizon.map(String.init) ?? "any number of") steps now; the experiment has "
                        + "\(environment.observationSpace), \(environment.actionSpace) and "
                        + "\(environment.horizon.map(String.init) ?? "any number of") steps")
            }
            IdleProcesses.shared.keepSpares(of: settings.program)
            return ExternalCopies(
                description: environment, process: process, task: task.json, seed: Self.seed(of: task), keys: keys)
        } catch let error as ExternalEnvironmentError { throw EnvironmentFailure("\(error)") }
    }

    /// What every episode of a task is reset with, where the task is a seed.
    private static func seed(of task: Task) -> UInt64? {
        guard task.json.hasPrefix("{\"seed\":"), task.json.hasSuffix("}") else { return nil }
        // 0 stands for no seed.
        return UInt64(task.json.dropFirst(8).dropLast()).flatMap { $0 < 1 << 62 ? $0 + 1 : nil }
    }
}
