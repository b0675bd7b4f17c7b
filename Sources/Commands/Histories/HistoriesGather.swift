import ArgumentParser
import Coordination
import Files
import Histories
import Nodes
import Quantities

struct HistoriesGatherCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gather",
        abstract: "Bring sealed streams of several folders together, and verify them on the way.",
        discussion: """
            Streams are copied to the same place below --out, each under its name once it is whole and durable. What is \
            there already stays; growing streams are left out. Called again, it goes on. Exit status 1 where a stream is \
            damaged, or another has its place.
            Example: distillery histories gather /scratch/node-1/run /scratch/node-2/run --out /shared/run
            """)

    @Argument(help: "Runs' folders or folders of streams.") var sources: [String]
    @Option(help: "The folder to bring them to; it is made where it is missing.") var out: String
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard !sources.isEmpty else { throw ValidationError("expected one folder of streams or more") }
    }

    func run() throws {
        let folders = try sources.map { source in
            guard Folder.isFolder(source) else {
                throw ClusterError("\(source): expected a run's folder or a folder of streams")
            }
            return try StreamFolder(path: source)
        }
        let gathering = StreamGathering(into: out)
        let lock = try DirectoryLock(path: out + "/.gather.lock", holder: "gathering")
        defer { withExtendedLifetime(lock) {} }
        var progress = HistoriesProgress("gathered", of: folders.reduce(0) { $0 + $1.files.count })
        var report = GatheringReport()
        for folder in folders {
            for path in folder.quarantined {
                report.count(.damaged(problem: StreamVerification(quarantined: path).problems.first ?? ""), of: path)
            }
            for path in folder.files {
                let outcome = try gather(path, of: folder, by: gathering)
                report.count(outcome, of: path)
                if case .copied(let rows, _) = outcome {
                    progress.advance(rows: rows)
                } else {
                    progress.advance(rows: 0)
                }
            }
            for lifetime in folder.discarded { try gathering.gatherMark(of: lifetime, of: folder) }
        }
        report.seconds = progress.seconds
        if json { try printJSON(report) } else { print(report.line) }
        if !report.problems.isEmpty { throw ExitCode.failure }
    }

    /// One stream that cannot be read is no reason to leave the others: it may have been moved aside meanwhile. A full disk
    /// is.
    private func gather(
        _ path: String, of folder: StreamFolder, by gathering: StreamGathering
    ) throws -> StreamGathering.Outcome {
        do { return try gathering.gather(path, of: folder) } catch {
            if isLackOfRoom(error) { throw error }
            return .damaged(problem: "\(error)")
        }
    }
}

/// What a gathering came to.
private struct GatheringReport: Encodable {
    struct Problem: Encodable {
        let stream: String
        let problem: String
    }

    var copied = 0
    var present = 0
    var growing = 0
    var transitions = 0
    var bytes = 0
    var seconds = 0.0
    var problems: [Problem] = []

    mutating func count(_ outcome: StreamGathering.Outcome, of path: String) {
        switch outcome {
        case .copied(let rows, let size):
            copied += 1
            transitions += rows
            bytes += size
        case .present: present += 1
        case .growing: growing += 1
        case .damaged(let problem): add(path, problem)
        case .different: add(path, "another stream has its place")
        }
    }

    /// Problems that are said at once, for a long gathering; `--json` lists the others, too.
    private static let saidProblems = 20

    private mutating func add(_ path: String, _ problem: String) {
        problems.append(Problem(stream: path, problem: problem))
        if problems.count <= Self.saidProblems { printError("\(path): \(problem)") }
        if problems.count == Self.saidProblems { printError("further problems are counted, and listed by --json") }
    }

    var line: String {
        "\(copied) streams copied (\(transitions) transitions, \(NumberText.bytes(bytes)), "
            + "\(NumberText.bytes(Int(Double(bytes) / max(seconds, 1e-9)))) a second), \(present) there already, "
            + "\(growing) growing, \(problems.count) with problems"
    }
}
