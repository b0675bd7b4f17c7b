import ArgumentParser
import Benchmarks

/// A cluster at work whose processes are killed one after the other.
struct BenchDrillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Collection while processes are killed: what it costs, and that nothing is lost.",
        discussion: """
            A cluster collects undisturbed, then another one while a random process of a random role is killed with \
            SIGKILL again and again. Afterwards every stream is verified and replayed, and what actors were told to be \
            durable is looked for in the files. Exit status 1 when anything is missing or damaged. Recovery is counted \
            from the kill until another process has done the dead one's work anew. With --evaluate the evaluators of \
            an evaluation are killed instead; with --whole-runs whole runs are disturbed, one after the other, \
            of which any process may be killed, the supervisor too, which is followed by --resume: each must end with \
            its report, with each lifetime, distillation and evaluation of its plan done once, and with the results of \
            an evaluation of the same checkpoints that nobody disturbs. With --environments the processes of an \
            environment in Python are killed, by turns with as much time in which nobody is.
            Example: distillery bench drill --minutes 20 --every 10 --json
            """)

    @Option(help: "Minutes of the disturbed collection.") var minutes = 20.0
    @Option(help: "Minutes of the undisturbed collection before it; 0 for none.") var reference = 3.0
    @Option(help: "Seconds between two kills; 0 for none, to watch the memory of an undisturbed cluster.") var every =
        10.0
    @Option(help: "Actors of a lifetime.") var actors = 100
    @Option(help: "Actor processes.") var processes = 3
    @Option(help: "Of the choice of victims.") var seed: UInt64 = 0
    @Option(help: "Folder for the two runs; by default a temporary one that is removed.") var out: String?
    @Flag(help: "Kill evaluators, and nothing else.") var evaluate = false
    @Flag(help: "Disturb whole runs: collect, distil, evaluate, report.") var wholeRuns = false
    @Flag(help: "Kill processes of an environment in Python, and nothing else.") var environments = false
    @Option(help: "Python with the packages distillery[environment], for --environments.") var python = "python3"
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard minutes > 0, reference >= 0, every >= 0, (1...65_536).contains(actors), (1...1_024).contains(processes)
        else { throw ValidationError("expected positive numbers") }
        guard [evaluate, wholeRuns, environments].count(where: { $0 }) < 2 else {
            throw ValidationError("--evaluate, --whole-runs and --environments are drills of their own: choose one")
        }
        guard !environments || every > 0 else { throw ValidationError("--environments needs kills: --every is 0") }
    }

    func run() throws {
        let monitor = try BenchmarkMonitor.ofCommand()
        try inFolder(out, temporary: "distillery-drill") { folder in
            let losses = StreamFindings.losses + (wholeRuns ? WholeRunsDrill.losses : [])
            try conclude("drill", results(in: folder, monitor), losses: losses, json: json)
        }
    }

    private func results(in folder: String, _ monitor: BenchmarkMonitor) throws -> [BenchmarkResult] {
        if wholeRuns {
            let drill = WholeRunsDrill(folder: folder, every: every, seed: seed, monitor)
            return [try drill.carryOut(minutes: minutes)]
        }
        if environments {
            let drill = EnvironmentDrill(minutes: minutes, every: every, python: python, seed: seed)
            return [try drill.carryOut(in: folder, monitor)]
        }
        if evaluate {
            return [try EvaluatorDrill(minutes: minutes, every: every, seed: seed).carryOut(in: folder, monitor)]
        }
        return try CollectionDrill(
            minutes: minutes, referenceMinutes: reference, every: every, actors: actors, processes: processes,
            seed: seed
        ).carryOut(in: folder, monitor)
    }
}
