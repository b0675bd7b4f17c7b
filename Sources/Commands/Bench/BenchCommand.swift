import ArgumentParser
import Benchmarks
import Foundation
import Processes

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure this machine at the work that counts.",
        discussion: """
            Every suite prints medians of several repetitions with their spread; BENCHMARKS.md says what each row means. \
            Example: distillery bench distiller --json
            """,
        subcommands: [
            BenchCollectCommand.self, BenchLifetimesCommand.self, BenchKernelsCommand.self, BenchDistillerCommand.self,
            BenchWindowsCommand.self, BenchActingCommand.self,
            BenchEvaluatorCommand.self, BenchCoordinatorCommand.self, BenchLargeClusterCommand.self,
            BenchRecorderCommand.self, BenchDrillCommand.self,
            BenchScaleCommand.self, BenchTrialsCommand.self, BenchHostileCommand.self, BenchStreamsCommand.self,
            BenchEnvironmentsCommand.self,
            BenchExternalCommand.self,
        ])
}

/// How often and how long to measure, and how to print it.
struct BenchOptions: ParsableArguments {
    @Option(help: "Repetitions; the median is reported.") var repetitions = 5
    @Option(help: "Seconds of a repetition, at least (default: the suite's).") var seconds: Double?
    @Flag(help: "Print one JSON document.") var json = false

    /// Of any suite.
    static let repetitionLimit = 1000

    func validate() throws {
        guard (1...Self.repetitionLimit).contains(repetitions), seconds.map({ $0 > 0 && $0 <= 3600 }) ?? true else {
            throw ValidationError(
                "expected 1 to \(Self.repetitionLimit) repetitions, of more than 0 and at most 3600 seconds")
        }
    }

    /// Runs a suite in this process and prints what it gives. Ctrl-C ends it after the repetition that runs.
    func run(_ suite: String, seconds standard: Double, _ body: (BenchmarkPlan) throws -> [BenchmarkResult]) throws {
        let monitor = try BenchmarkMonitor.ofCommand()
        let plan = BenchmarkPlan(
            repetitions: repetitions, secondsPerRepetition: seconds ?? standard,
            progress: { line in
                monitor.say(line)
                try monitor.mayGoOn()
            }, mayGoOn: monitor.mayGoOn)
        try BenchDocument(suite: suite, results: try body(plan)).print(json: json)
    }
}

/// Worker threads of a suite.
struct BenchThreads: ParsableArguments {
    @Option(help: "Threads (default: one for each processor).") var threads = ProcessInfo.processInfo
        .activeProcessorCount

    func validate() throws {
        guard (1...1024).contains(threads) else {
            throw ValidationError("--threads is \(threads), expected 1 to 1024")
        }
    }
}

extension BenchmarkMonitor {
    /// Lines on standard error; a signal ends the benchmark with the shell's exit code for it.
    static func ofCommand() throws -> BenchmarkMonitor {
        let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
        var line = ProgressLine()
        return BenchmarkMonitor(
            say: { text in
                line.finish()
                printError(text)
            }, show: { line.show($0, phase: "bench") }, mayGoOn: { try exitIfInterrupted(signals.next()) })
    }
}

/// Prints what a drill found, and fails where one of `losses` is not 0.
func conclude(_ suite: String, _ results: [BenchmarkResult], losses: [String] = [], json: Bool) throws {
    let document = BenchDocument(suite: suite, results: results)
    try document.print(json: json)
    if !json { print(document.measuredText) }
    guard results.allSatisfy({ result in losses.allSatisfy { result.measured[$0] ?? 0 == 0 } }) else {
        throw ExitCode.failure
    }
}
