import ArgumentParser
import Catalog
import Foundation
import Histories
import Nodes
import Reporting
import Supervision

struct HistoriesIndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index", abstract: "Remake a run's catalogue from its files.",
        discussion: """
            Reads every stream with its checksums and writes RUN/catalog.sqlite: tasks, lifetimes, streams, evaluations, \
            checkpoints. The run must not be at work; streams that grow on other disks of this host come home first. A damaged catalogue has to be moved aside first. Exit status 1 when a stream is damaged.
            Example: distillery histories index runs/quickstart
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var path: String

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() throws {
        let folder = URL(fileURLWithPath: path, isDirectory: true)
        // Before the lock makes a file in it.
        let parts = ["experiment.yaml", "catalog.sqlite", "histories", "evaluations"]
        guard parts.contains(where: { FileManager.default.fileExists(atPath: "\(folder.path)/\($0)") }) else {
            throw ClusterError("\(path) is not the folder of a run: it has none of \(parts.joined(separator: ", "))")
        }
        let lock = try RunLock(folder: folder.path)
        defer { withExtendedLifetime(lock) {} }
        for home in RecorderLinks(run: folder.path).folders() where GrowingFolder.isInUse(by: home) {
            // A recorder is told from its absence by its lock.
            let lock = try DirectoryLock(path: "\(home)/histories/.recorder.lock", holder: "recorder")
            defer { withExtendedLifetime(lock) {} }
            try GrowingFolder.bringAllHome(to: home)
        }
        var line = ProgressLine()
        let index = try RunIndex(folder: folder) { done, total in
            line.show("index: read \(done)/\(total) streams", phase: "index")
        }
        try index.write(into: folder)
        line.finish()
        for problem in index.damaged { printError(problem) }
        let counts = Counts(index)
        if json { try printJSON(counts) } else { print(counts.text) }
        if !index.damaged.isEmpty { throw ExitCode.failure }
    }

    private struct Counts: Encodable {
        let streams: Int
        let lifetimes: Int
        let tasks: Int
        let evaluations: Int
        let checkpoints: Int
        let damaged: Int

        init(_ index: RunIndex) {
            streams = index.index.streams.count
            lifetimes = index.index.lifetimes.count
            tasks = index.index.tasks.count
            evaluations = index.index.evaluations.count
            checkpoints = index.checkpoints.count
            damaged = index.damaged.count
        }

        var text: String {
            "\(streams) streams, \(lifetimes) lifetimes, \(tasks) tasks, \(evaluations) evaluated tasks, "
                + "\(checkpoints) checkpoints; \(damaged) files damaged"
        }
    }
}
