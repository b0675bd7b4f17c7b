import ArgumentParser
import Benchmarks

/// Source algorithms, acting and learning.
struct BenchActingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acting",
        abstract: "Actions a second of A3C, and transitions a second of its update and of DQN(Q-lambda)'s steps.",
        discussion: """
            One thread; a batch of 50 observations to act, 100 rollouts of 20 transitions to learn. `distinct-rows` \
            computes every row by itself. As the system does it, `policy-table` writes the policy out for each version \
            and chooses from that, and `shared-rows` computes equal rows once. `q-lambda`: steps on 8 sequences of 40 \
            transitions, of which 70 % come from the replay. \
            Example: distillery bench acting --json
            """)

    @OptionGroup var options: BenchOptions

    func run() throws {
        try options.run("acting", seconds: 0.3) { try ActingBenchmark().run($0) }
    }
}
