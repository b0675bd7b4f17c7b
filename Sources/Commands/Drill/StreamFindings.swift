import ArgumentParser
import Foundation
import Histories
import Nodes
import Processes

/// What `verify` and `replay` say of some streams, added up.
struct StreamTally: Codable {
    private(set) var transitions = 0
    private(set) var damaged = 0
    private(set) var differing = 0
    private(set) var gaps = 0
    private(set) var cutEpisodes = 0
    private(set) var problems: [String] = []

    mutating func add(_ file: String) {
        let verification = StreamVerification(path: file)
        transitions += verification.rows
        gaps += verification.gaps.count
        cutEpisodes += verification.cutEpisodes
        if !verification.isSound {
            damaged += 1
            problems += verification.problems.map { "\(file): \($0)" }
        }
        let replay = StreamReplay(path: file)
        if !replay.isSound {
            differing += 1
            problems += [replay.line].compactMap { $0 }
        }
    }

    static func + (first: Self, second: Self) -> Self {
        var sum = first
        sum.transitions += second.transitions
        sum.damaged += second.damaged
        sum.differing += second.differing
        sum.gaps += second.gaps
        sum.cutEpisodes += second.cutEpisodes
        sum.problems += second.problems
        return sum
    }
}

/// One process's share of the streams of a drill; HDF5 lets only one thread of a process read.
struct BenchStreamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Verify and replay a share of a run's streams.", shouldDisplay: false)

    @Argument(help: "The run's folder.") var path: String
    @Option(help: "Which share.") var part: Int
    @Option(help: "Of so many.") var of: Int
    @Option(help: "File for what was found.") var out: String

    func run() throws {
        let files = try StreamFolder(path: path).files
        var tally = StreamTally()
        var done = 0
        var lastLine = Date()
        for index in stride(from: part, to: files.count, by: of) {
            tally.add(files[index])
            done += 1
            guard Date().timeIntervalSince(lastLine) > 1 else { continue }
            lastLine = Date()
            printError("\(done)")
        }
        try JSONEncoder().encode(tally).write(to: URL(fileURLWithPath: out))
    }
}

/// What the files of a drill say.
struct StreamFindings {
    let transitions: Int
    let numbers: [String: Double]

    /// What must be 0 after whatever has happened.
    static let losses = ["streams_damaged", "streams_that_differ", "acknowledged_missing"]

    /// Looks at every stream, with a process on every processor.
    init(of cluster: ClusterUnderDrill, _ signals: SignalWatcher) throws {
        let began = Date()
        let folder = try StreamFolder(path: cluster.run)
        let tally = try Self.tally(cluster, files: folder.files.count, signals)
        for problem in tally.problems { printError(problem) }
        folder.warnOfQuarantined()
        transitions = tally.transitions
        numbers = [
            "streams": Double(folder.files.count), "transitions": Double(tally.transitions),
            "streams_damaged": Double(tally.damaged + folder.quarantined.count),
            "streams_that_differ": Double(tally.differing),
            "acknowledged_missing": Double(Self.missing(try cluster.acknowledged(), in: cluster.run)),
            "gaps": Double(tally.gaps), "cut_episodes": Double(tally.cutEpisodes),
            "seconds_of_checking": Date().timeIntervalSince(began),
        ]
    }

    private static func tally(
        _ cluster: ClusterUnderDrill, files: Int, _ signals: SignalWatcher
    ) throws -> StreamTally {
        let parts = max(1, min(files, ProcessInfo.processInfo.activeProcessorCount))
        let output = { (part: Int) in cluster.folder + "/streams-\(part).json" }
        let children = try (0..<parts).map { part in
            try ChildProcess(
                executable: try ChildProcess.ownExecutable(),
                arguments: [
                    "bench", "streams", cluster.run, "--part", "\(part)", "--of", "\(parts)", "--out", output(part),
                ], log: cluster.folder + "/streams-\(part).log")
        }
        defer { for child in children { child.kill() } }
        var line = ProgressLine()
        while children.contains(where: { $0.exitStatus == nil }) {
            try exitIfInterrupted(signals.next())
            usleep(100_000)
            let done = children.reduce(0) { $0 + (Int($1.lastLines(1).first ?? "") ?? 0) }
            line.show("verified and replayed \(done) of \(files) streams", phase: "streams")
        }
        line.finish()
        return try zip(children, 0..<parts).map { child, part in
            guard child.exitStatus?.isSuccess == true else {
                throw ClusterError("the streams were not looked at: \(child.lastLines(8).joined(separator: "\n"))")
            }
            return try JSONDecoder().decode(
                StreamTally.self, from: Data(contentsOf: URL(fileURLWithPath: output(part))))
        }.reduce(StreamTally(), +)
    }

    /// Streams in which something is not there that was called durable: the file is shorter, or a later incarnation has
    /// written in its place.
    private static func missing(_ acknowledged: [String: [UInt64: UInt64]], in run: String) -> Int {
        var streams = 0
        for (path, incarnations) in acknowledged {
            let reader = try? StreamReader(path: run + "/" + path)
            defer { reader?.close() }
            let rollouts = reader?.rollouts ?? []
            // The mark that the next carrier of an ended stream brings is acknowledged, but is no row.
            let marks: UInt64 = reader?.metadata.isComplete == true ? 1 : 0
            let isWhole = incarnations.allSatisfy { incarnation, next in
                let last = min(next, UInt64(rollouts.count))
                return next <= UInt64(rollouts.count) + marks
                    && (last == 0 || rollouts[Int(last) - 1].incarnation <= incarnation)
            }
            guard !isWhole else { continue }
            streams += 1
            printError(
                "\(path): of what was called durable, \(incarnations), not all is in its \(rollouts.count) rollouts")
        }
        return streams
    }
}
