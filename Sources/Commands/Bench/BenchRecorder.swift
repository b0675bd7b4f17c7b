import ArgumentParser
import Benchmarks
import Foundation
import Processes
import Quantities

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
    @Option(help: "Repetitions; the median is reported.") var repetitions = 3
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...1_000_000).contains(streams), (1...1_000_000).contains(rows),
            (1...BenchOptions.repetitionLimit).contains(repetitions)
        else {
            throw ValidationError(
                "expected 1 to 1000000 streams, 1 to 1000000 rows and 1 to \(BenchOptions.repetitionLimit) repetitions")
        }
    }

    func run() throws {
        let signals = try SignalWatcher([.interrupt, .terminate])
        // All files stay to the end: some file systems are slow to make files where others were just removed.
        var runs = try inFolder(nil, temporary: "distillery-bench") { folder in
            try (0..<repetitions).map { index in
                try exitIfInterrupted(signals.next())
                let run = try RecorderBenchmark(streams: streams, rows: rows).run(folder: "\(folder)/\(index)")
                printError(line(run))
                return run
            }
        }
        runs.sort { $0.measured["seconds"] ?? 0 < $1.measured["seconds"] ?? 0 }
        let middle = runs[runs.count / 2]
        let rates = Dictionary(
            uniqueKeysWithValues: middle.rates.keys.map { unit in (unit, runs.flatMap { $0.rates[unit] ?? [] }) })
        try BenchDocument(
            suite: "recorder",
            results: [
                BenchmarkResult(
                    name: middle.name, configuration: middle.configuration, rates: rates, measured: middle.measured)
            ]
        ).print(json: json)
    }

    private func line(_ run: BenchmarkResult) -> String {
        func value(_ name: String) -> Double { run.measured[name] ?? 0 }
        return
            "\(Int(run.rates[.streams]?.first ?? 0)) streams a second, \(NumberText.fixed(value("milliseconds_per_stream"), decimals: 2)) ms "
            + "each, \(NumberText.fixed(value("cpu_milliseconds_per_stream"), decimals: 2)) ms of processor time (\(NumberText.fixed(value("user_seconds"), decimals: 1)) s "
            + "user, \(NumberText.fixed(value("system_seconds"), decimals: 1)) s system in all), longest step "
            + "\(Int(value("longest_step_milliseconds"))) ms"
    }
}
