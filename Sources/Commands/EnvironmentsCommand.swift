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
        /// Missing, as the spaces are, where an experiment's settings say which environment it is.
        let tasks: Int?
        /// Most steps of an episode; missing where there is no limit.
        let horizon: Int?
        /// Spaces as Gymnasium writes them.
        let observation: String?
        let actions: String?
    }

    func run() throws {
        let entries = try RegisteredEnvironment.registry.all.map { kind in
            let tasks =
                try kind.hasDefaultTasks
                ? EnvironmentSettings(kind).makeTasks(split: TaskSplit(testTasks: 0, seed: 0)) : nil
            let description = tasks?.environment
            return Entry(
                name: kind.name, summary: kind.summary, settings: kind.defaults.json(.all), tasks: tasks?.count,
                horizon: description?.horizon, observation: description.map { "\($0.observationSpace)" },
                actions: description.map { "\($0.actionSpace)" })
        }
        if json { return try printJSON(entries) }
        for entry in entries {
            let horizon = entry.horizon.map { "\($0) steps an episode" } ?? "episodes without a limit"
            print(
                "\(entry.name): " + (entry.tasks.map { "\($0) tasks, \(horizon)" } ?? "what the settings say it is"))
            print("  \(entry.summary)")
            if let observation = entry.observation, let actions = entry.actions {
                print("  observations \(observation), actions \(actions)")
            }
            print("  settings \(entry.settings)")
        }
    }
}
