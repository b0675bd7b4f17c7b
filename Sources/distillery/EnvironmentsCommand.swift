import ArgumentParser
import Environments
import Experience

struct EnvironmentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "environments", abstract: "The built-in environments with their spaces.",
        discussion: "Example: distillery environments --json")

    @Flag(help: "Print one JSON document.") var json = false

    private struct Entry: Encodable {
        let name: String
        let settings: String
        let tasks: Int
        let horizon: Int
        /// Spaces as Gymnasium writes them.
        let observation: String
        let actions: String
    }

    func run() throws {
        let entries = try BuiltInEnvironment.allCases.map { environment in
            let tasks = try EnvironmentSettings(
                name: environment.rawValue, json: environment.defaultSettingsJSON
            ).makeTasks(split: TaskSplit(testTasks: 0, seed: 0))
            let description = tasks.environment
            return Entry(
                name: description.name, settings: description.json, tasks: tasks.tasks.count,
                horizon: description.horizon, observation: "\(description.observationSpace)",
                actions: "\(description.actionSpace)")
        }
        if json { return try printJSON(entries) }
        for entry in entries {
            print("\(entry.name): \(entry.tasks) tasks, \(entry.horizon) steps an episode")
            print("  observations \(entry.observation), actions \(entry.actions)")
            print("  settings \(entry.settings)")
        }
    }
}
