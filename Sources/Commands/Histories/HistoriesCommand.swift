import ArgumentParser
import Environments
import Histories
import Nodes
import Pictures
import Quantities

/// `distillery histories ...`: looks at stream files. Another subcommand is another entry of `subcommands`.
struct HistoriesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "histories",
        abstract: "List, show, verify, replay, index, gather, export and import recorded streams.",
        discussion:
            "PATH is a run's folder, a folder of streams or one .h5 file. Example: distillery histories verify runs/quickstart",
        subcommands: [
            HistoriesListCommand.self, HistoriesShowCommand.self, HistoriesVerifyCommand.self,
            HistoriesReplayCommand.self, HistoriesIndexCommand.self, HistoriesGatherCommand.self,
            HistoriesExportCommand.self, HistoriesImportCommand.self,
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
        discussion: """
            With --frames also one episode of a stream as a picture: what the agent saw before each step and after the \
            last, row by row, what it saw after a reward with a green edge, beside a map with its path. What is stored \
            as a state is drawn again. Examples: \
            distillery histories show runs/quickstart/histories/task-00042/lifetime-000/actor-0007.h5, and \
            distillery histories show actor-0007.h5 --frames episode.gif --episode 120
            """)

    @OptionGroup var options: HistoriesOptions
    @Option(help: ArgumentHelp("Write a picture of an episode there.", valueName: "file.png|file.gif"))
    var frames: String?
    @Option(help: ArgumentHelp("The episode's number in the stream (default: the last that ended).", valueName: "n"))
    var episode: UInt64?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if episode != nil, frames == nil { throw ValidationError("--episode is for --frames FILE, which is missing") }
    }

    func run() throws {
        let folder = try options.folder()
        if let frames { try writePicture(frames, of: folder) }
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

    private func writePicture(_ path: String, of folder: StreamFolder) throws {
        guard let stream = folder.files.first, folder.files.count == 1 else {
            throw ClusterError(
                "--frames shows one stream, and \(options.path) has \(folder.files.count): name an .h5 file")
        }
        let file = try PictureFile(path, option: "--frames", inputs: [stream], force: output.force)
        let contents = try StreamContents(path: stream)
        let recorded = try contents.metadata.makeRecordedTask()
        let episode = try contents.shownEpisode(episode)
        let lived = try contents.lived(episode)
        try file.write(EpisodePictures(of: lived, in: recorded.task, of: recorded.tasks))
        printError(
            "episode \(episode.number), rows \(episode.rows.lowerBound) to \(episode.rows.upperBound - 1), "
                + "\(episode.end.rawValue): return \(NumberText.short(episode.rewardSum))")
    }
}

extension StreamContents {
    /// The episode of this number, or the last that ended. Throws `ClusterError` where there is none.
    fileprivate func shownEpisode(_ number: UInt64?) throws -> Episode {
        guard let last = episodes.last(where: \.isFinished) ?? episodes.last else {
            throw ClusterError("\(path) has no episodes yet")
        }
        guard let number else { return last }
        guard let episode = episodes.first(where: { $0.number == number }) else {
            throw ClusterError(
                "\(path) has no episode \(number): expected \(episodes[0].number) to "
                    + "\(episodes[episodes.count - 1].number)")
        }
        return episode
    }
}
