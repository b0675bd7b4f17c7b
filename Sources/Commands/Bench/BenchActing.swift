import ArgumentParser
import Benchmarks
import Foundation

/// Source algorithms, acting and learning.
struct BenchActingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acting",
        abstract: "Actions a second of A3C, and transitions a second of its update and of DQN(Q-lambda)'s steps.",
        discussion: """
            One thread; a batch of 50 observations to act, 100 rollouts of 20 transitions to learn. `distinct-rows` \
            computes every row by itself. As the system does it, `policy-table` writes the policy out for each version \
            and chooses from that, and `shared-rows` computes equal rows once. `q-lambda`: steps on 8 sequences of 40 \
            transitions, of which 70 % come from the replay. With --images instead a step on pictures of the Watermaze, \
            72 x 96, by the paper's ResNet; it takes some seconds. \
            Example: distillery bench acting --json
            """)

    @Flag(help: "Measure a step of DQN(Q-lambda) on pictures instead.") var images = false
    @Option(help: "Threads of a step on pictures (default: all cores).") var threads: Int?
    @OptionGroup var options: BenchOptions

    func validate() throws {
        if let threads, !(1...64).contains(threads) { throw ValidationError("--threads \(threads): expected 1 to 64") }
        if threads != nil, !images { throw ValidationError("--threads goes with --images: all else has one") }
    }

    func run() throws {
        let threads = min(64, threads ?? ProcessInfo.processInfo.activeProcessorCount)
        try options.run("acting", seconds: 0.3) {
            images ? try ActingBenchmark().runOnImages(threads: threads, $0) : try ActingBenchmark().run($0)
        }
    }
}
