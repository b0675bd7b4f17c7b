import ArgumentParser
import Benchmarks
import Environments
import Settings

/// Environments stepped alone.
struct BenchEnvironmentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "environments", abstract: "Steps a second of environments alone, on one thread.",
        discussion: """
            A step shows every copy's observation, takes an action in it that was drawn before the clock ran, and where \
            an episode ended shows its final observation and begins another. No policy, no learning, no recording. \
            Where streams store something else than what is seen, frames a second of what makes the one of the other, in \
            batches of --batch, at most \(largestView). \
            Example: distillery bench environments dark-room --batch 1000 --json
            """)

    /// What a learner looks at in one step: a batch of 8 sequences of 40.
    private static let largestView = 320

    @Argument(help: "Environments, with their default settings (default: all).") var names: [String] = []
    @Option(help: "Copies that step together.") var batch = 1000
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard (1...1_000_000).contains(batch) else {
            throw ValidationError("--batch is \(batch), expected 1 to 1000000")
        }
        do {
            _ = try environments()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() throws {
        try options.run("environments", seconds: 0.5) { plan in
            try environments().flatMap { environment in
                let steps = try EnvironmentBenchmark(environment, copies: batch).run(plan)
                let view = try ViewBenchmark(environment, batch: min(batch, Self.largestView)).run(plan)
                return [steps] + [view].compactMap { $0 }
            }
        }
    }

    private func environments() throws -> [RegisteredEnvironment] {
        let registry = RegisteredEnvironment.registry
        return try names.isEmpty ? registry.all.filter(\.hasDefaultTasks) : names.map { try registry.named($0) }
    }
}
