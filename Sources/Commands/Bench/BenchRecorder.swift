import ArgumentParser
import Benchmarks

/// The recorder with very many short streams.
struct BenchRecorderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recorder", abstract: "How fast short streams are recorded and sealed.",
        discussion: """
            The recorder as it runs in a cluster, without its socket, on a folder of its own in TMPDIR, whose disk counts: \
            lifetimes of 100 actors come at full speed. A stream is counted once it is sealed and durable; the time is that \
            in which the recorder works. \
            Example: distillery bench recorder --streams 10000 --rows 200 --json
            """)

    @Option(help: "Streams; whole lifetimes of 100 are recorded.") var streams = 10_000
    @Option(help: "Rows of each stream.") var rows = 200
    @Option(help: "Recorders at work at once, which share the streams, each a process with a folder of its own.")
    var recorders = 1
    @Option(help: "Repetitions; the median is reported.") var repetitions = 3
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...1_000_000).contains(streams), (1...1_000_000).contains(rows),
            (1...BenchOptions.repetitionLimit).contains(repetitions), (1...256).contains(recorders)
        else {
            throw ValidationError(
                "expected 1 to 1000000 streams, 1 to 1000000 rows, 1 to 256 recorders and 1 to "
                    + "\(BenchOptions.repetitionLimit) repetitions")
        }
    }

    func run() throws {
        let monitor = try BenchmarkMonitor.ofCommand()
        let result = try inFolder(nil, temporary: "distillery-bench") { folder in
            guard recorders > 1 else {
                return try RecorderBenchmark(streams: streams, rows: rows).run(
                    repetitions: repetitions, in: folder, monitor)
            }
            return try RecordersBenchmark(recorders: recorders, streams: streams, rows: rows).run(
                repetitions: repetitions, in: folder, monitor)
        }
        try BenchDocument(suite: "recorder", results: [result]).print(json: json)
    }
}
