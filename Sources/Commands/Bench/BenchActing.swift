import ArgumentParser
import Benchmarks

/// The actor-critic, acting and learning.
struct BenchActingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acting", abstract: "Actions a second of the A3C network, and transitions a second of its update.",
        discussion: """
            One thread; a batch of 50 observations to act, 100 rollouts of 20 transitions to learn. `distinct-rows` \
            computes every row by itself. As the system does it, `policy-table` writes the policy out for each version \
            and chooses from that, and `shared-rows` computes equal rows once. \
            Example: distillery bench acting --json
            """)

    @OptionGroup var options: BenchOptions

    func run() throws {
        try options.run("acting", seconds: 0.3) { try ActingBenchmark().run($0) }
    }
}
