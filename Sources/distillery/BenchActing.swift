import Agents
import ArgumentParser
import Neural

/// The actor-critic, acting and learning.
struct BenchActingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acting", abstract: "Actions a second of the A3C network, and transitions a second of its update.",
        discussion: """
            One thread; a batch of 50 observations to act, 100 rollouts of 20 transitions to learn. `distinct-rows` \
            computes every row by itself, `shared-rows` equal ones once, as the system does. \
            Example: distillery bench acting --json
            """)

    @OptionGroup var options: BenchOptions

    func run() throws {
        try options.run("acting", seconds: 0.3) { try ActingBenchmark().run($0) }
    }
}
