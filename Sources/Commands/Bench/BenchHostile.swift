import ArgumentParser
import Benchmarks

/// A cluster at work beside a peer that floods it with what must be refused.
struct BenchHostileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hostile",
        abstract: "Collection beside a peer that sends, as fast as it can, well-formed messages that must be refused.",
        discussion: """
            A cluster collects undisturbed. Then a peer sends rollouts that others opened, of lower incarnations and of \
            wrong sequences to recorder and learner, asks them for streams and lifetimes that nobody leased to it, and \
            reports to the coordinator what is not so, on two connections to each, of which one reads no answer. Then \
            it has a third one, which comes back under another name as soon as it is not read. Shown are the throughput \
            that the others keep, and what each process that listens grows by after a flood's first minute. The peer \
            takes processors from the cluster, as shown, too: on a machine with few the throughput says less. \
            Exit status 1 when a process of the cluster ends.
            Example: distillery bench hostile --minutes 10 --json
            """)

    @Option(help: "Minutes of the flood; growth needs two.") var minutes = 10.0
    @Option(help: "Minutes of the flood under ever new names; 0 for none.") var restless = 3.0
    @Option(help: "Minutes of the undisturbed collection before it.") var reference = 1.0
    @Option(help: "Actors of a lifetime.") var actors = 100
    @Option(help: "Actor processes.") var processes = 2
    @Option(help: "Folder for the run; by default a temporary one that is removed.") var out: String?
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard minutes > 0, reference > 0, restless >= 0, (1...65_536).contains(actors), (1...1_024).contains(processes)
        else {
            throw ValidationError("expected positive numbers")
        }
    }

    func run() throws {
        let monitor = try BenchmarkMonitor.ofCommand()
        let drill = HostileDrill(
            minutes: minutes, restlessMinutes: restless, referenceMinutes: reference, actors: actors,
            processes: processes)
        try inFolder(out, temporary: "distillery-hostile") { folder in
            try conclude("hostile", drill.carryOut(in: folder, monitor), json: json)
        }
    }
}
