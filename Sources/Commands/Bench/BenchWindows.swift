import ArgumentParser
import Benchmarks

/// Drawing windows from streams in memory, and from more than fits there.
struct BenchWindowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "windows", abstract: "Windows a second that are drawn from streams, in memory and in turn.",
        discussion: """
            Example, 100 GB in 100,000 files with 1 GiB of memory: distillery bench windows --files 100000 \
            --rows 48000 --memory-mebibytes 1024 --names windows-in-turn
            """)

    @Option(help: "Files.") var files = 10_000
    @Option(help: "Transitions of a file, of 21 bytes.") var rows = 1_000
    @Option(help: "MiB of streams in memory, where they take turns.") var memoryMebibytes = 32
    @Option(parsing: .upToNextOption, help: "Of \(WindowsBenchmark.names.joined(separator: ", ")).")
    var names = WindowsBenchmark.names
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard (1...10_000_000).contains(files), (1...100_000_000).contains(rows),
            (1...1_000_000).contains(memoryMebibytes)
        else {
            throw ValidationError(
                "expected 1 to 10000000 files of 1 to 100000000 transitions, and 1 to 1000000 MiB of memory")
        }
        for name in names where !WindowsBenchmark.names.contains(name) {
            throw ValidationError(
                "--names: \(name) is unknown, expected \(WindowsBenchmark.names.joined(separator: ", "))")
        }
    }

    func run() throws {
        try options.run("windows", seconds: 2) { plan in
            try WindowsBenchmark(files: files, rowsOfFile: rows, memory: memoryMebibytes << 20).run(plan, names: names)
        }
    }
}
