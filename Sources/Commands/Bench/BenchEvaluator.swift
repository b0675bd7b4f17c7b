import ArgumentParser
import Benchmarks

/// The distilled model acting in context.
struct BenchEvaluatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluator", abstract: "Transitions a second of a distilled model that acts in many copies.",
        discussion: """
            `growing-windows` begins with an empty context and ends with a full one; in `full-windows` every action \
            slides the window by one transition and computes it again. \
            Example: distillery bench evaluator --copies 64 --threads 2 --json
            """)

    @Option(help: "Copies of the model, shared among the threads.") var copies = 64
    @OptionGroup var threads: BenchThreads
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard copies >= threads.threads, copies <= 1_000_000 else {
            throw ValidationError("--copies is \(copies), expected \(threads.threads) (one a thread) to 1000000")
        }
    }

    func run() throws {
        try options.run("evaluator", seconds: 1) { plan in
            try EvaluatorBenchmark(
                model: EvaluatorBenchmark.narrowModel, copies: copies, threads: threads.threads
            ).run(plan)
        }
    }
}
