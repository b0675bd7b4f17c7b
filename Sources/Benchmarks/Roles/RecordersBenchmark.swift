import Foundation
import Nodes
import Processes

/// How fast several recorders record and seal at once, each in a process of its own, as in a run: HDF5 lets a process do
/// one thing at a time.
package struct RecordersBenchmark {
    private let recorders: Int
    private let streams: Int
    private let rows: Int
    private static let patienceMilliseconds = 3_600_000

    /// `streams`: of all recorders together, `rows` transitions each.
    package init(recorders: Int, streams: Int, rows: Int) {
        self.recorders = recorders
        self.streams = streams
        self.rows = rows
    }

    /// Each process runs `bench recorder` on a folder of its own in `folder`. A repetition's time is that of the slowest.
    package func run(repetitions: Int, in folder: String, _ monitor: BenchmarkMonitor) throws -> BenchmarkResult {
        let seconds = try (0..<repetitions).map { index in
            try monitor.mayGoOn()
            let slowest = try runOnce(folder: "\(folder)/\(index)")
            monitor.say("\(Int(Double(total) / slowest)) streams a second of \(recorders) recorders")
            return slowest
        }
        return BenchmarkResult(
            name: "recorders",
            configuration: ["recorders": .init(recorders), "streams": .init(total), "rows": .init(rows)],
            rates: [
                .streams: seconds.map { Double(total) / $0 }, .transitions: seconds.map { Double(total * rows) / $0 },
            ])
    }

    private var share: Int { RecorderBenchmark(streams: streams / recorders, rows: rows).streams }
    private var total: Int { share * recorders }

    private func runOnce(folder: String) throws -> Double {
        let executable = try ChildProcess.ownExecutable()
        let processes = try (0..<recorders).map { index in
            let own = "\(folder)/\(index)"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            var environment = ProcessInfo.processInfo.environment
            environment["TMPDIR"] = own
            let arguments = ["bench", "recorder", "--streams", "\(share)", "--rows", "\(rows)", "--repetitions", "1"]
            return (
                log: "\(own)/log",
                process: try ChildProcess(
                    executable: executable, arguments: arguments + ["--json"], log: "\(own)/log",
                    environment: environment)
            )
        }
        return try processes.map { log, process in
            guard process.wait(milliseconds: Self.patienceMilliseconds)?.isSuccess == true else {
                throw ClusterError("a recorder's benchmark failed: \(process.lastLines(4).joined(separator: "; "))")
            }
            return try seconds(inLog: log)
        }.max() ?? 0
    }

    private struct Document: Decodable {
        struct Result: Decodable { let measured: [String: Double] }
        let results: [Result]
    }

    /// What a process has printed is one JSON document, behind lines for people.
    private func seconds(inLog path: String) throws -> Double {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let document = text.firstRange(of: "\n{").map { text[$0.lowerBound...] } ?? text[...]
        let found = try JSONDecoder().decode(Document.self, from: Data(document.utf8))
        guard let seconds = found.results.first?.measured["seconds"] else {
            throw ClusterError("no figures in \(path)")
        }
        return seconds
    }
}
