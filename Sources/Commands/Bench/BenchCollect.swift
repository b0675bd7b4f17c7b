import ArgumentParser
import Benchmarks
import Catalog
import Experiments
import Foundation
import Nodes
import Processes
import Quantities
import Supervision
import Transport
import Wire

/// A whole cluster on loopback: actors, learner, recorder and coordinator as processes, everything recorded and learnt.
struct BenchCollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "Collection by a cluster of processes, learning and recording included.",
        discussion: """
            100 actors of one lifetime on Dark Room 9 x 9, asynchronous, the paper's network. The clock runs from the \
            moment the coordinator leases the lifetime to the last acknowledgement, which follows the sealing of the \
            last stream. With --curve every repetition is followed by one with keys on all connections.
            Example: distillery bench collect --curve --processes 4 --json
            """)

    @Option(help: "Actors of the lifetime.") var actors = 100
    @Option(help: "Numbers of actor processes, each measured.") var processes: [Int] = [4, 100]
    @Option(help: "Episodes of each actor.") var episodes = 2000
    @Option(help: "Repetitions; the median is reported.") var repetitions = 3
    @Flag(help: "Measure with CURVE, too, in turn with the same without.") var curve = false
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard actors > 0, episodes > 0, (1...BenchOptions.repetitionLimit).contains(repetitions),
            processes.allSatisfy({ (1...actors).contains($0) })
        else {
            throw ValidationError(
                "expected positive numbers, at most \(BenchOptions.repetitionLimit) repetitions, and no more processes "
                    + "than actors")
        }
    }

    func run() throws {
        let signals = try SignalWatcher()
        var results: [BenchmarkResult] = []
        for count in processes {
            // In turn, so that a machine that grows slower or faster does so for both.
            let variants = curve ? [false, true] : [false]
            var runs = variants.map { _ in [[String: Double]]() }
            for number in 0..<(repetitions * variants.count) {
                let index = number % variants.count
                let numbers = try measure(processes: count, hasKeys: variants[index], signals)
                printError(
                    "\(count) actor processes\(variants[index] ? " with CURVE" : ""): \(Int(numbers["environment_steps_per_second"] ?? 0)) steps a second, "
                        + "\(NumberText.percent(numbers["share_learnt"] ?? 0)) learnt from, "
                        + "mean policy lag \(NumberText.fixed(numbers["mean_policy_lag"] ?? 0, decimals: 2))")
                runs[index].append(numbers)
            }
            let pair = zip(variants, runs).map { result(of: $1, processes: count, hasKeys: $0) }
            let rates = pair.map { $0.rates[.environmentSteps, default: []].median }
            if curve {
                printError(
                    "\(count) actor processes: with CURVE \(NumberText.percent(rates[1] / rates[0])) of that without")
            }
            results += pair
        }
        try BenchDocument(suite: "collect", results: results).print(json: json)
    }

    private func result(of runs: [[String: Double]], processes: Int, hasKeys: Bool) -> BenchmarkResult {
        let key = BenchmarkResult.Unit.environmentSteps.rawValue
        let sorted = runs.sorted { $0[key] ?? 0 < $1[key] ?? 0 }
        return BenchmarkResult(
            name: hasKeys ? "collect with CURVE" : "collect",
            configuration: [
                "actors": .init(actors), "actor_processes": .init(processes), "learners": 1,
                "episodes_per_actor": .init(episodes), "curve": hasKeys ? 1 : 0,
            ], rates: [.environmentSteps: runs.compactMap { $0[key] }],
            // Of the repetition in the middle.
            measured: sorted[sorted.count / 2].filter { $0.key != key })
    }

    /// One run of a cluster in a folder of its own.
    private func measure(processes: Int, hasKeys: Bool, _ signals: SignalWatcher) throws -> [String: Double] {
        let experiment = try Experiment(
            yaml: """
                name: bench-collect
                tasks: {test: 16, train: 1}
                collect: {actors: \(actors), lifetimes: 1, test_lifetimes: 0, synchronization: asynchronous, \
                end: {episodes_per_actor: \(episodes)}}
                cluster: {learners: 1, actor_processes: \(processes)}
                evaluate: {train_tasks: 1}
                """, file: "the bench's experiment")
        return try inFolder(nil, temporary: "distillery-bench") {
            try measure(experiment, folder: RunFolder(out: $0, experiment: experiment), hasKeys: hasKeys, signals)
        }
    }

    private func measure(
        _ experiment: Experiment, folder: RunFolder, hasKeys: Bool, _ signals: SignalWatcher
    ) throws -> [String: Double] {
        let lock = try folder.prepare(experiment, resume: false)
        let keys = KeyFolder(folder.path + "/keys")
        // An empty folder of keys is none, whatever the environment says.
        let arguments = ["--keys", hasKeys ? keys.path : ""]
        if hasKeys { _ = try keys.generate(nodes: ["node"]) }
        let supervisor = Supervisor(
            executable: try ChildProcess.ownExecutable(), folder: folder.path, lock: lock,
            coordinatorArguments: [folder.path, "--goal", "collect"] + arguments,
            roleArguments: Dictionary(uniqueKeysWithValues: RoleName.allCases.map { ($0, arguments) }),
            key: hasKeys ? try OwnKey(keys) : nil, signals: signals, logger: makeLogger("bench"))
        try exitUnlessComplete(try supervisor.run())
        let ledger = try Ledger(path: folder.path + "/catalog.sqlite", mode: .read)
        guard let lifetime = try ledger.lifetimes().first, let started = lifetime.started, let ended = lifetime.ended,
            let transitions = lifetime.transitions, let learnt = lifetime.transitionsLearnt
        else { throw ClusterError("the bench's lifetime did not finish") }
        return [
            "environment_steps_per_second": Double(transitions) / (ended - started), "seconds": ended - started,
            "transitions": Double(transitions), "share_learnt": Double(learnt) / Double(transitions),
            "mean_policy_lag": lifetime.meanPolicyLag ?? 0, "updates": Double(lifetime.updates ?? 0),
        ]
    }
}
