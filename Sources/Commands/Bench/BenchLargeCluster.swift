import ArgumentParser
import Benchmarks

/// A collection of the paper's size, simulated.
struct BenchLargeClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "large-cluster", abstract: "The coordinator in a collection of the paper's size, simulated.",
        discussion: """
            The coordinator with its catalogue among thousands of nodes that only say what honest ones say, on simulated \
            time, from the first hello to the last sealed stream, while some of them die. It fails where a lease is \
            unaccounted for or a stream is missing. The share of a core is the coordinator's processor time over \
            simulated time, without its socket; the memory is the whole program's, the stub nodes with it.
            Example: distillery bench large-cluster --actor-processes 1000 --lifetimes 200 --json
            """)

    @Option(help: "Actor processes.") var actorProcesses = 10_000
    @Option(help: "Actors that a process carries at most.") var actorsPerProcess = 4
    @Option(help: "Lifetimes, each of a task of its own.") var lifetimes = 2000
    @Option(help: "Actors of each lifetime, one stream each.") var actors = 100
    @Option(help: "Transitions of each stream.") var rows: UInt64 = 50_000
    @Option(help: "Learners, of at most 64 lifetimes each.") var learners = 100
    @Option(help: "Recorders.") var recorders = 1
    @Option(help: "Actor processes and learners that die in each simulated second.") var deaths = 10
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...15_000).contains(actorProcesses), (1...1024).contains(actorsPerProcess),
            (1...6000).contains(lifetimes), (1...10_000).contains(actors), (1...1_000_000_000).contains(rows),
            (1...1000).contains(learners), (1...300).contains(recorders), (0...1000).contains(deaths)
        else {
            throw ValidationError(
                "expected 1 to 15000 actor processes of 1 to 1024 actors, 1 to 6000 lifetimes of 1 to 10000 actors, 1 to "
                    + "1000000000 rows, 1 to 1000 learners, 1 to 300 recorders and 0 to 1000 deaths a second")
        }
        guard actorProcesses * actorsPerProcess >= actors else {
            throw ValidationError("\(actorProcesses) processes of \(actorsPerProcess) cannot carry \(actors) actors")
        }
    }

    func run() throws {
        var benchmark = LargeClusterBenchmark()
        benchmark.actorProcesses = actorProcesses
        benchmark.actorsPerProcess = actorsPerProcess
        benchmark.lifetimes = lifetimes
        benchmark.actorsPerLifetime = actors
        benchmark.rowsPerStream = rows
        benchmark.learners = learners
        benchmark.recorders = recorders
        benchmark.deathsPerSecond = deaths
        let result = try inFolder(nil, temporary: "distillery-bench") { folder in
            try benchmark.run(in: folder, say: printError)
        }
        try BenchDocument(suite: "large-cluster", results: [result]).print(json: json)
    }
}
