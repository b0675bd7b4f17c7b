import ArgumentParser
import Benchmarks

/// The coordinator with many nodes.
struct BenchCoordinatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator", abstract: "What the coordinator costs with many nodes.",
        discussion: """
            The coordinator as it runs in a cluster, on simulated time, with nodes that send a heartbeat each second, \
            take leases and finish them after ten seconds. The share of a core is the coordinator's processor time \
            over simulated time, decoding and encoding included, without its socket. \
            Example: distillery bench coordinator --nodes 1000 --json
            """)

    @Option(parsing: .upToNextOption, help: "Numbers of nodes, each measured.") var nodes: [Int] = [100, 1000, 3000]
    @Option(help: "Simulated seconds of a repetition.") var seconds = 30
    @Option(help: "Repetitions; the median is reported.") var repetitions = 3
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard nodes.allSatisfy({ (4...10_000).contains($0) }), (1...3600).contains(seconds),
            (1...BenchOptions.repetitionLimit).contains(repetitions)
        else {
            throw ValidationError(
                "expected 4 to 10000 nodes, 1 to 3600 seconds and 1 to \(BenchOptions.repetitionLimit) repetitions")
        }
    }

    func run() throws {
        let results = try nodes.flatMap { count in
            try [false, true].map { withCatalogue in
                try inFolder(nil, temporary: "distillery-bench") { folder in
                    try CoordinatorBenchmark(nodes: count, simulatedSeconds: seconds, withCatalogue: withCatalogue)
                        .run(repetitions: repetitions, in: folder, say: printError)
                }
            }
        }
        try BenchDocument(suite: "coordinator", results: results).print(json: json)
    }
}
