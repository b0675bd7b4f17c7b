import ArgumentParser
import Benchmarks
import Foundation

/// One process's share of the streams of a drill; HDF5 lets only one thread of a process read.
struct BenchStreamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Verify and replay a share of a run's streams.", shouldDisplay: false)

    @Argument(help: "The run's folder.") var path: String
    @Option(help: "Which share.") var part: Int
    @Option(help: "Of so many.") var of: Int
    @Option(help: "File for what was found.") var out: String

    func run() throws {
        let tally = try StreamTally(of: path, part: part, of: of) { printError("\($0)") }
        try JSONEncoder().encode(tally).write(to: URL(fileURLWithPath: out))
    }
}
