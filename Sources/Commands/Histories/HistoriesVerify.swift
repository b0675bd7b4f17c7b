import ArgumentParser
import Histories

struct HistoriesVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check order, checksums and layout of streams.",
        discussion: """
            Exit status 1 on any damage, and where streams lie elsewhere. Gaps where a carrier died are reported and are no damage.
            Example: distillery histories verify runs/quickstart
            """)

    @OptionGroup var options: HistoriesOptions

    func run() throws {
        let folder = try options.folder()
        var progress = HistoriesProgress("verified", of: folder.files.count)
        var results = folder.files.map { file in
            let result = StreamVerification(path: file)
            progress.advance(rows: result.rows)
            if !options.json { for line in result.lines { print(line) } }
            return result
        }
        for path in folder.quarantined {
            results.append(StreamVerification(quarantined: path))
            if !options.json { for line in results[results.count - 1].lines { print(line) } }
        }
        let livedAnew = folder.discarded.compactMap(LivedAnew.init)
        if !options.json { for lifetime in livedAnew { print(lifetime.line) } }
        let damaged = results.count { !$0.isSound }
        if options.json {
            try printJSON(
                HistoriesReport(
                    streams: results, damaged: damaged, transitions: progress.rows, seconds: progress.seconds,
                    livedAnew: livedAnew))
        } else {
            let gaps = results.reduce(0) { $0 + $1.gaps.count }
            print(
                "\(results.count) streams (\(results.count(where: \.isSealed)) sealed), \(progress.rows) transitions, "
                    + "\(gaps) gaps, \(damaged) damaged; \(progress.rate)")
        }
        if let reason = folder.reasonElsewhere { printError("not verified: \(reason)") }
        if damaged > 0 || !folder.elsewhere.isEmpty { throw ExitCode.failure }
    }
}

struct HistoriesReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Simulate every recorded transition again and compare.",
        discussion: """
            Exit status 1 where a stream differs or cannot be replayed; the first difference of each is printed.
            Example: distillery histories replay runs/quickstart
            """)

    @OptionGroup var options: HistoriesOptions

    func run() throws {
        let folder = try options.folder()
        var progress = HistoriesProgress("replayed", of: folder.files.count)
        folder.warnOfQuarantined()
        let results = folder.files.map { file in
            let result = StreamReplay(path: file)
            progress.advance(rows: result.transitions)
            if !options.json, let line = result.line { print(line) }
            return result
        }
        let differing = results.count { !$0.isSound }
        if options.json {
            try printJSON(
                HistoriesReport(
                    streams: results, damaged: differing, transitions: progress.rows, seconds: progress.seconds))
        } else {
            print(
                "\(results.count) streams, \(progress.rows) transitions replayed, \(differing) streams differ or "
                    + "cannot be replayed; \(progress.rate)")
        }
        if differing > 0 { throw ExitCode.failure }
    }
}

/// The JSON document of `verify` and `replay`.
private struct HistoriesReport<Stream: Encodable>: Encodable {
    let streams: [Stream]
    let damaged: Int
    let transitions: Int
    let seconds: Double
    var livedAnew: [LivedAnew]?
}

/// A lifetime that was lived anew from its beginning, and why; no damage.
private struct LivedAnew: Encodable {
    let folder: String
    let count: Int
    let reason: String

    init?(_ folder: String) {
        guard let mark = DiscardedStreams(of: folder) else { return nil }
        self.folder = folder
        count = mark.count
        reason = mark.reason
    }

    var line: String { "\(folder): lived anew from its beginning \(count == 1 ? "once" : "\(count) times"): \(reason)" }
}
