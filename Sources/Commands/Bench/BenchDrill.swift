import ArgumentParser
import Benchmarks
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Processes
import Wire

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
            its report, and with the results of an evaluation of the same checkpoint that nobody disturbs.
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
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard minutes > 0, reference >= 0, every >= 0, (1...65_536).contains(actors), (1...1_024).contains(processes)
        else { throw ValidationError("expected positive numbers") }
        guard !(evaluate && wholeRuns) else {
            throw ValidationError("--evaluate and --whole-runs are two drills: choose one")
        }
    }

    func run() throws {
        let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
        try inFolder(out, temporary: "distillery-drill") { try drill(in: $0, signals) }
    }

    private func drill(in folder: String, _ signals: SignalWatcher) throws {
        let results = try results(in: folder, signals)
        let document = BenchDocument(suite: "drill", results: results)
        try document.print(json: json)
        if !json { print(document.measuredText) }
        let losses = StreamFindings.losses + (wholeRuns ? WholeRunsDrill.losses : [])
        guard results.allSatisfy({ result in losses.allSatisfy { result.measured[$0] ?? 0 == 0 } }) else {
            throw ExitCode.failure
        }
    }

    private func results(in folder: String, _ signals: SignalWatcher) throws -> [BenchmarkResult] {
        guard wholeRuns else {
            return try evaluate ? [drillEvaluators(folder, signals)] : drillCollection(folder, signals)
        }
        let drill = WholeRunsDrill(folder: folder, every: every, seed: seed, signals: signals)
        return [try drill.carryOut(minutes: minutes)]
    }

    // MARK: - Collection

    private func drillCollection(_ folder: String, _ signals: SignalWatcher) throws -> [BenchmarkResult] {
        var results: [BenchmarkResult] = []
        if reference > 0 {
            results.append(
                try collect("undisturbed", folder + "/undisturbed", minutes: reference, every: 0, signals))
        }
        results.append(try collect("drill", folder + "/drill", minutes: minutes, every: every, signals))
        if let calm = results.first?.rates[.transitions]?.first, results.count == 2,
            let disturbed = results[1].rates[.transitions]?.first
        {
            results[1].measured["percent_of_undisturbed"] = 100 * disturbed / calm
        }
        return results
    }

    /// More than can be lived in the time: a million transitions a second take 15 lifetimes a minute.
    private func experiment(minutes: Double) throws -> Experiment {
        let lifetimes = 1 + Int(30 * minutes * 100 / Double(actors) / 65)
        return try Experiment(
            yaml: """
                name: drill
                tasks: {test: 16}
                collect: {actors: \(actors), lifetimes: \(lifetimes), test_lifetimes: 0, synchronization: asynchronous, \
                end: {episodes_per_actor: 2000}}
                cluster: {learners: 1, lifetimes_per_learner: 2, actor_processes: \(processes)}
                """, file: "the drill's experiment")
    }

    private func collect(
        _ name: String, _ folder: String, minutes: Double, every: Double, _ signals: SignalWatcher
    ) throws -> BenchmarkResult {
        let cluster = try ClusterUnderDrill(try experiment(minutes: minutes), folder: folder)
        defer { cluster.stop() }
        try cluster.wait(signals) { $0.environmentSteps > 0 }
        let drill = Drill(cluster, seed: seed, every: every, roles: [.coordinator, .learner, .recorder, .actor])
        let seconds = try carryOut(drill, on: cluster, name, minutes: minutes, signals)
        let findings = try StreamFindings(of: cluster, signals)
        return BenchmarkResult(
            name: name,
            configuration: [
                "actors": .init(actors), "actor_processes": .init(processes), "kill_every_seconds": .number(every),
            ],
            rates: [.transitions: [Double(findings.transitions) / seconds]],
            measured: drill.numbers.merging(findings.numbers) { $1 }.merging(["seconds": seconds]) { $1 })
    }

    /// Gives the seconds that it took; the cluster has ended then.
    private func carryOut(
        _ drill: Drill, on cluster: ClusterUnderDrill, _ name: String, minutes: Double, _ signals: SignalWatcher
    ) throws -> Double {
        let began = Date()
        while Date().timeIntervalSince(began) < 60 * minutes {
            try cluster.checked(signals)
            drill.turn(seconds: Date().timeIntervalSince(began))
            if let line = drill.line { printError("\(name): \(line)") }
        }
        let seconds = Date().timeIntervalSince(began)
        printError("\(name): ends after \(Int(seconds)) s")
        cluster.stop()
        return seconds
    }

    // MARK: - Evaluation

    /// Something is learnt and distilled within seconds, then evaluated for longer than the drill lasts.
    private static let evaluation = """
        name: evaluators
        environment: {size: 5, horizon: 10}
        tasks: {test: 12, train: 2}
        source: {learning_rate: 0.003, hidden: [32, 32]}
        collect: {actors: 20, test_lifetimes: 0, end: {episodes_per_actor: 300}}
        cluster: {evaluators: 2}
        distil:
          model: {context_length: 50, dimension: 32, layers: 2, heads: 2, feed_forward: 64}
          windows: {every_episodes: 5}
          training: {batch_size: 16, maximum_seconds: 4, warmup_steps: 20}
        evaluate: {episodes: 200000, seeds: 4, train_tasks: 2, control: false}
        """

    private func drillEvaluators(_ folder: String, _ signals: SignalWatcher) throws -> BenchmarkResult {
        let experiment = try Experiment(yaml: Self.evaluation, file: "the drill's experiment")
        let cluster = try ClusterUnderDrill(experiment, folder: folder, command: "run")
        defer { cluster.stop() }
        printError("evaluators: a model is made for them")
        try cluster.wait(signals) { status in
            status.nodes.count { $0.role == .evaluator && ($0.numbers["evaluation_steps"] ?? 0) > 0 }
                == experiment.cluster.evaluators
        }
        let drill = Drill(cluster, seed: seed, every: every, roles: [.evaluator])
        let seconds = try carryOut(drill, on: cluster, "evaluators", minutes: minutes, signals)
        let findings = try StreamFindings(of: cluster, signals)
        return BenchmarkResult(
            name: "evaluators",
            configuration: [
                "evaluators": .init(experiment.cluster.evaluators), "kill_every_seconds": .number(every),
            ], rates: [:], measured: drill.numbers.merging(findings.numbers) { $1 }.merging(["seconds": seconds]) { $1 }
        )
    }
}
