import ArgumentParser
import Benchmarks

/// The loops and products of the networks, each alone.
struct BenchKernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "GFLOP/s of every kernel alone, beside the machine's own matrix products.",
        discussion: """
            One thread, data in the cache, but for the image encoders and the recurrent policy, which take all; the machine's peak (OpenBLAS on squares of 1024) is measured between the \
            repetitions. Example: distillery bench kernels --only attention --json
            """)

    @Option(help: "Only kernels whose name contains this.") var only: String?
    @OptionGroup var threads: BenchThreads
    @OptionGroup var options: BenchOptions

    func run() throws {
        try options.run("kernels", seconds: 0.05) { plan in
            let word = only ?? ""
            var results = try KernelBenchmark.run(
                KernelBenchmark.cases(containing: word), threads: threads.threads, plan: plan)
            results += try EncoderBenchmark.run(threads: threads.threads, plan: plan, containing: word)
            results += try RecurrentBenchmark(threads: threads.threads).run(plan, containing: word)
            return results
        }
    }
}
