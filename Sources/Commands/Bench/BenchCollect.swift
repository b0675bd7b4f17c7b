import ArgumentParser
import Benchmarks
import Processes

/// A whole cluster on loopback: actors, learner, recorder and coordinator as processes, everything recorded and learnt.
struct BenchCollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "Collection by a cluster of processes, learning and recording included.",
        discussion: """
            100 actors of one lifetime on Dark Room 9 x 9, asynchronous, the paper's network. The clock runs from the \
            moment the coordinator leases the lifetime to the last acknowledgement, which follows the sealing of the \
            last stream. With --curve every repetition is followed by one with keys on all connections.
            Example: distillery bench collect --curve --processes 4 --json
            """)

    @Option(help: "Actors of the lifetime.") var actors = 100
    @Option(help: "Numbers of actor processes, each measured.") var processes: [Int] = [4, 100]
    @Option(help: "Episodes of each actor.") var episodes = 2000
    @Option(help: "Repetitions; the median is reported.") var repetitions = 3
    @Flag(help: "Measure with CURVE, too, in turn with the same without.") var curve = false
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard actors > 0, episodes > 0, (1...BenchOptions.repetitionLimit).contains(repetitions),
            processes.allSatisfy({ (1...actors).contains($0) })
        else {
            throw ValidationError(
                "expected positive numbers, at most \(BenchOptions.repetitionLimit) repetitions, and no more processes "
                    + "than actors")
        }
    }

    func run() throws {
        let signals = try SignalWatcher()
        let results = try processes.flatMap { count in
            try CollectionBenchmark(actors: actors, processes: count, episodes: episodes).run(
                repetitions: repetitions, withKeys: curve, say: printError
            ) { experiment, hasKeys in
                try inFolder(nil, temporary: "distillery-bench") { folder in
                    let run = RunFolder(out: folder, experiment: experiment)
                    try collectOnCluster(experiment, in: run, hasKeys: hasKeys, signals)
                    return try CollectionBenchmark.numbers(ofRun: run.path)
                }
            }
        }
        try BenchDocument(suite: "collect", results: results).print(json: json)
    }
}
