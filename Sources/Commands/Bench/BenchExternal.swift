import ArgumentParser
import Benchmarks
import Environments
import Experiments

/// What a process of its own costs an environment.
struct BenchExternalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "external", abstract: "An environment in another process beside Gymnasium's vector environment.",
        discussion: """
            Steps copies of an environment of Gymnasium's in a process of its own, as an actor does, and by turns as many in \
            `gymnasium.make_vec` in a Python process alone. The actions are one integer. \
            Example: distillery bench external FrozenLake-v1 --batch 64 --json
            """)

    @Argument(help: "An id of Gymnasium's.") var gymnasium = "FrozenLake-v1"
    @Option(help: "Copies that step together.") var batch = 64
    @Option(help: "Python with the packages distillery[environment].") var python = "python3"
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard (1...4096).contains(batch) else { throw ValidationError("--batch is \(batch), expected 1 to 4096") }
    }

    func run() throws {
        try options.run("external", seconds: 2) { plan in
            let environment = try Experiment.environment(
                named: ExternalTasks.name,
                overrides: [
                    // Its start would take processors from what is measured.
                    "spare_processes=0",
                    "gymnasium=\"\(gymnasium)\"", "command=[\"\(python)\", \"-m\", \"distillery.environment\"]",
                ])
            return try ExternalBenchmark(environment, gymnasium: gymnasium, python: python, copies: batch).run(plan)
        }
    }
}
