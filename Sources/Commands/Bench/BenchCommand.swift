import ArgumentParser
import Benchmarks
import Foundation
import Processes
import Quantities

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure this machine at the work that counts.",
        discussion: """
            Every suite prints medians of several repetitions with their spread; BENCHMARKS.md says what each row means. \
            Example: distillery bench distiller --json
            """,
        subcommands: [
            BenchCollectCommand.self, BenchKernelsCommand.self, BenchDistillerCommand.self, BenchActingCommand.self,
            BenchEvaluatorCommand.self, BenchCoordinatorCommand.self, BenchRecorderCommand.self, BenchDrillCommand.self,
            BenchScaleCommand.self, BenchHostileCommand.self, BenchStreamsCommand.self,
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
        let signals = try SignalWatcher([.interrupt, .terminate])
        let goOn = { try exitIfInterrupted(signals.next()) }
        let plan = BenchmarkPlan(
            repetitions: repetitions, secondsPerRepetition: seconds ?? standard,
            progress: { line in
                printError(line)
                try goOn()
            }, mayGoOn: goOn)
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

/// What every suite prints.
struct BenchDocument: Encodable {
    struct Machine: Encodable {
        let processor = processorName
        let processors = ProcessInfo.processInfo.activeProcessorCount
        let system = ProcessInfo.processInfo.operatingSystemVersionString
    }

    let suite: String
    let machine = Machine()
    let results: [BenchmarkResult]

    func print(json: Bool) throws {
        if json { return try printJSON(self) }
        var rows = [["name", "median", "least", "most", "unit", "of the peak"]]
        for result in results {
            for unit in BenchmarkResult.Unit.allCases {
                guard let rates = result.rates[unit] else { continue }
                let share = unit == .gflops ? result.measured["share_of_peak"] : nil
                rows.append(
                    [result.label] + [rates.median, rates.min() ?? 0, rates.max() ?? 0].map(rateText)
                        + [unit.rawValue, share.map { NumberText.percent($0, decimals: 0) } ?? ""])
            }
        }
        Swift.print(alignedText(rows))
    }
}

extension BenchmarkResult {
    /// The name with what tells it from others of the same name.
    fileprivate var label: String {
        let details = ["actor_processes", "nodes", "threads"].compactMap { key -> String? in
            guard case .number(let number)? = configuration[key] else { return nil }
            return "\(Int(number)) \(key.replacing("_", with: " "))"
        }
        return details.isEmpty ? name : "\(name) (\(details.joined(separator: ", ")))"
    }
}

private func rateText(_ rate: Double) -> String { rate < 1000 ? NumberText.fixed(rate, decimals: 1) : "\(Int(rate))" }

/// Rows with every column as wide as its widest cell, numbers to the right.
private func alignedText(_ rows: [[String]]) -> String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        let cells = row.enumerated().map { column, cell in
            let space = String(repeating: " ", count: widths[column] - cell.count)
            return (1...3).contains(column) || column == 5 ? space + cell : cell + space
        }
        return cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces)
    }.joined(separator: "\n")
}
