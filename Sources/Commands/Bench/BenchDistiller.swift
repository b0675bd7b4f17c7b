import ArgumentParser
import Benchmarks

/// Training of the sequence models.
struct BenchDistillerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distiller", abstract: "Tokens a second that a sequence model is trained with, and its memory.",
        discussion: """
            The trainer as `distill` runs it, windows, clipping and Adam included, on made-up streams in memory. \
            GFLOP/s count 6 operations for each token and parameter of a linear layer, and the causal half of \
            attention's products; of LSTM-AD 6 for each transition and weight. Example: distillery bench distiller --models table-1 --threads 2 --json
            """)

    @Option(parsing: .upToNextOption, help: "Models: \(DistillerBenchmark.models.map(\.name).joined(separator: ", ")).")
    var models = DistillerBenchmark.models.map(\.name)
    @Option(help: "Windows of an optimiser step.") var batch = 64
    @Option(help: "Steps over which the memory is watched before the clock starts.") var steps = 0
    @OptionGroup var threads: BenchThreads
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard (1...65_536).contains(batch), steps >= 0 else {
            throw ValidationError("expected a batch of 1 to 65536 windows, and steps of 0 or more")
        }
        for name in models where !DistillerBenchmark.models.contains(where: { $0.name == name }) {
            throw ValidationError(
                "--models: \(name) is unknown, expected "
                    + DistillerBenchmark.models.map(\.name).joined(separator: ", "))
        }
    }

    func run() throws {
        try options.run("distiller", seconds: 2) { plan in
            try DistillerBenchmark.models.filter { models.contains($0.name) }.map { name, choice in
                var benchmark = DistillerBenchmark(
                    name: name, model: choice, batchSize: batch, threads: threads.threads)
                benchmark.watchedSteps = steps
                return try benchmark.run(plan)
            }
        }
    }
}
