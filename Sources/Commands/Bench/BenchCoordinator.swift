import ArgumentParser
import Benchmarks
import Catalog
import Coordination
import Experiments
import Foundation
import Quantities

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
        var results: [BenchmarkResult] = []
        for count in nodes {
            for withCatalogue in [false, true] {
                let runs = try (0..<repetitions).map { _ in try measure(count, withCatalogue) }
                    .sorted { $0.measured["share_of_core"] ?? 0 < $1.measured["share_of_core"] ?? 0 }
                let middle = runs[runs.count / 2]
                printError(
                    "\(middle.name), \(count) nodes: \(NumberText.percent(middle.measured["share_of_core"] ?? 0, decimals: 2)) of a "
                        + "core, \(Int(middle.measured["messages_per_simulated_second"] ?? 0)) messages a second")
                results.append(
                    BenchmarkResult(
                        name: middle.name, configuration: middle.configuration,
                        rates: [.messages: runs.flatMap { $0.rates[.messages] ?? [] }], measured: middle.measured))
            }
        }
        try BenchDocument(suite: "coordinator", results: results).print(json: json)
    }

    private func measure(_ count: Int, _ withCatalogue: Bool) throws -> BenchmarkResult {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "distillery-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let journal =
            try withCatalogue
            ? LedgerJournal(
                ledger: Ledger(path: folder.path + "/catalog.sqlite", mode: .create),
                context: ExperimentContext(
                    experiment: CoordinatorBenchmark.experiment(nodes: count, simulatedSeconds: seconds),
                    folder: folder.path), folder: folder) : nil
        return try CoordinatorBenchmark(nodes: count, simulatedSeconds: seconds, journal: journal).run(
            folder: folder.path)
    }
}
