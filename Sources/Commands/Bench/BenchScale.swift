import ArgumentParser
import Benchmarks

/// A cluster at work that is scaled up and down.
struct BenchScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "How soon a running cluster follows `scale`: actor processes, and actors of an elastic lifetime.",
        discussion: """
            One cluster goes from one actor process of 25 actors to eight and back, another's elastic lifetime from 10 \
            actors to 200 and back. Of each change: seconds until throughput (environment steps, in windows of two \
            seconds) is within 10 % of what it then stays; seconds until all who were wanted carry actors and have sent \
            rollouts, and all who were not have gone; and what was restarted. Heartbeats make the second up to a second \
            late. Afterwards every stream is verified and replayed. Exit status 1 when anything is missing, damaged, cut \
            or restarted.
            Example: distillery bench scale --json
            """)

    @Option(help: "Seconds before each change and after the last.") var seconds = 20.0
    @Option(help: "Folder for the runs; by default a temporary one that is removed.") var out: String?
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (6...600).contains(seconds) else { throw ValidationError("--seconds \(seconds): expected 6 to 600") }
    }

    func run() throws {
        let monitor = try BenchmarkMonitor.ofCommand()
        try inFolder(out, temporary: "distillery-scale") { folder in
            let results = try ScaleDrill(seconds: seconds).carryOut(in: folder, monitor)
            try conclude("scale", results, losses: ScaleDrill.losses, json: json)
        }
    }
}
