import ArgumentParser
import Environments
import Experience
import Settings

/// `distillery environments ...`: looks at environments and their tasks, without any run.
struct EnvironmentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "environments", abstract: "The environments, and what their tasks look like.",
        discussion: """
            Without a subcommand it lists them. Examples: distillery environments --json; \
            distillery environments show dark-room --task 48
            """,
        subcommands: [EnvironmentsListCommand.self, EnvironmentsShowCommand.self],
        defaultSubcommand: EnvironmentsListCommand.self)
}

struct EnvironmentsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The environments with their spaces and settings.",
        discussion: "Example: distillery environments list --json")

    @Flag(help: "Print one JSON document.") var json = false

    private struct Entry: Encodable {
        let name: String
        let summary: String
        let settings: String
        let tasks: Int
        /// Most steps of an episode; missing where there is no limit.
        let horizon: Int?
        /// Spaces as Gymnasium writes them.
        let observation: String
        let actions: String
    }

    func run() throws {
        let entries = try RegisteredEnvironment.registry.all.map { kind in
            let tasks = try EnvironmentSettings(kind).makeTasks(split: TaskSplit(testTasks: 0, seed: 0))
            let description = tasks.environment
            return Entry(
                name: kind.name, summary: kind.summary, settings: kind.defaults.json(.all), tasks: tasks.count,
                horizon: description.horizon, observation: "\(description.observationSpace)",
                actions: "\(description.actionSpace)")
        }
        if json { return try printJSON(entries) }
        for entry in entries {
            print(
                "\(entry.name): \(entry.tasks) tasks, \(entry.horizon.map { "\($0) steps an episode" } ?? "episodes without a limit")"
            )
            print("  \(entry.summary)")
            print("  observations \(entry.observation), actions \(entry.actions)")
            print("  settings \(entry.settings)")
        }
    }
}
