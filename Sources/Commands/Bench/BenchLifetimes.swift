import ArgumentParser
import Benchmarks
import Processes

/// A whole cluster on loopback, and lifetimes that last milliseconds.
struct BenchLifetimesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lifetimes", abstract: "Collection of many short lifetimes by a cluster of processes.",
        discussion: """
            Bandits with UCB: each lifetime is one actor that lives one episode of 100 trials, learnt by the learner and \
            sealed into a file of its own. The clock runs from the first lease to the end of the last lifetime, whose \
            stream is sealed then.
            Example: distillery bench lifetimes --lifetimes 10000 --json
            """)

    @Option(help: "Lifetimes, one actor each.") var lifetimes = 10_000
    @Option(help: "Actor processes.") var processes = 1
    @Option(help: "Lifetimes that the learner works on at the same time.") var atOnce = 256
    @Option(help: "Repetitions; the median is reported.") var repetitions = 1
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...100_000).contains(lifetimes), (1...64).contains(processes), (processes...1024).contains(atOnce),
            (1...BenchOptions.repetitionLimit).contains(repetitions)
        else {
            throw ValidationError(
                "expected 1 to 100000 lifetimes, 1 to 64 processes, no fewer and at most 1024 at once, and 1 to "
                    + "\(BenchOptions.repetitionLimit) repetitions")
        }
    }

    func run() throws {
        let signals = try SignalWatcher()
        let results = try LifetimesBenchmark(lifetimes: lifetimes, processes: processes, atOnce: atOnce).run(
            repetitions: repetitions, say: printError
        ) { experiment in
            try inFolder(nil, temporary: "distillery-bench") { folder in
                let run = RunFolder(out: folder, experiment: experiment)
                try collectOnCluster(experiment, in: run, signals)
                return try LifetimesBenchmark.numbers(ofRun: run.path)
            }
        }
        try BenchDocument(suite: "lifetimes", results: results).print(json: json)
    }
}
