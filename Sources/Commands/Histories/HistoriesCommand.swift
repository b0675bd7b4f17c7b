import ArgumentParser
import Histories

/// `distillery histories ...`: looks at stream files. Another subcommand is another entry of `subcommands`.
struct HistoriesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "histories",
        abstract: "List, show, verify, replay, index and gather recorded streams.",
        discussion:
            "PATH is a run's folder, a folder of streams or one .h5 file. Example: distillery histories verify runs/quickstart",
        subcommands: [
            HistoriesListCommand.self, HistoriesShowCommand.self, HistoriesVerifyCommand.self,
            HistoriesReplayCommand.self, HistoriesIndexCommand.self, HistoriesGatherCommand.self,
        ])
}

/// What all of them take.
struct HistoriesOptions: ParsableArguments {
    @Argument(help: "A run's folder, a folder of streams or one .h5 file.")
    var path: String

    @Flag(help: "Print one JSON document.")
    var json = false

    func folder() throws -> StreamFolder { try StreamFolder(path: path) }
}

struct HistoriesListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "One line for every stream.",
        discussion: "Example: distillery histories list runs/quickstart --json")

    @OptionGroup var options: HistoriesOptions

    func run() throws {
        let folder = try options.folder()
        var progress = HistoriesProgress("listed", of: folder.files.count)
        folder.warnOfQuarantined()
        var unreadable = 0
        let summaries = folder.files.compactMap { file -> StreamSummary? in
            defer { progress.advance(rows: 0) }
            do { return StreamSummary(try StreamReader(path: file)) } catch {
                unreadable += 1
                printError("\(error)")
                return nil
            }
        }
        if options.json {
            try printJSON(summaries)
        } else {
            for summary in summaries { print(summary.line) }
            print("\(summaries.count) streams, \(summaries.reduce(0) { $0 + $1.rows }) transitions")
        }
        if unreadable > 0 { throw ExitCode.failure }
    }
}

struct HistoriesShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Metadata and learning curve of streams.",
        discussion: "Example: distillery histories show runs/quickstart/histories/task-00042/lifetime-000/actor-0007.h5"
    )

    @OptionGroup var options: HistoriesOptions

    func run() throws {
        let folder = try options.folder()
        var progress = HistoriesProgress("read", of: folder.files.count)
        folder.warnOfQuarantined()
        var details: [StreamDetails] = []
        for file in folder.files {
            let detail = try StreamDetails(path: file)
            progress.advance(rows: Int(detail.summary.rows))
            if options.json { details.append(detail) } else { print(detail.text) }
        }
        if options.json { try printJSON(details) }
    }
}
