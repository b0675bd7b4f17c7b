import ArgumentParser
import Benchmarks
import Experiments
import Foundation
import Processes
import Wire

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
        let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
        try inFolder(out, temporary: "distillery-hostile") { folder in
            let document = BenchDocument(suite: "hostile", results: try results(in: folder, signals))
            try document.print(json: json)
            if !json { print(document.measuredText) }
        }
    }

    private func results(in folder: String, _ signals: SignalWatcher) throws -> [BenchmarkResult] {
        let cluster = try ClusterUnderDrill(try experiment(), folder: folder + "/hostile")
        defer { cluster.stop() }
        let siege = Siege(cluster, signals)
        try siege.awaitWork(processes: processes)
        let undisturbed = try siege.watch("undisturbed", seconds: 60 * reference)
        let calm = undisturbed.rates[.environmentSteps]?.first ?? 0
        var results = [
            undisturbed,
            try siege.flood("beside a hostile peer", [.reader, .deaf], seconds: 60 * minutes, calm: calm),
        ]
        guard restless > 0 else { return results }
        results.append(
            try siege.flood(
                "beside one with ever new names", HostilePeer.Manner.allCases, seconds: 60 * restless, calm: calm))
        return results
    }

    /// No lifetime ends meanwhile: two at once, of more steps than a machine takes in the time.
    private func experiment() throws -> Experiment {
        let steps = 2e6 * 60 * (minutes + restless + reference + 1)
        let episodes = 1 + Int(steps / 2 / 20 / Double(actors))
        return try Experiment(
            yaml: """
                name: hostile
                tasks: {train: 8}
                collect: {actors: \(actors), lifetimes: 1, test_lifetimes: 0, synchronization: asynchronous, \
                end: {episodes_per_actor: \(episodes)}}
                cluster: {learners: 1, lifetimes_per_learner: 2, actor_processes: \(processes)}
                """, file: "the experiment beside a hostile peer")
    }
}
