import ArgumentParser
import Benchmarks
import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Processes

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
        let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
        try inFolder(out, temporary: "distillery-scale") { try scale(in: $0, signals) }
    }

    private func scale(in folder: String, _ signals: SignalWatcher) throws {
        var results: [BenchmarkResult] = []
        for plan in [ScalePlan.processes, .elastic] {
            results += try measure(plan, folder: folder + "/" + plan.name, signals)
        }
        let document = BenchDocument(suite: "scale", results: results)
        try document.print(json: json)
        if !json { print(document.measuredText) }
        let losses = StreamFindings.losses + ["cut_episodes", "restarts", "lifetimes_begun_again"]
        guard results.allSatisfy({ result in losses.allSatisfy { result.measured[$0] ?? 0 == 0 } }) else {
            throw ExitCode.failure
        }
    }

    /// Up and down on one cluster, then what its files say.
    private func measure(_ plan: ScalePlan, folder: String, _ signals: SignalWatcher) throws -> [BenchmarkResult] {
        let cluster = try ClusterUnderDrill(try plan.experiment(seconds: 4 * seconds), folder: folder)
        defer { cluster.stop() }
        try cluster.wait(signals) { $0.environmentSteps > 0 }
        let scaling = Scaling(cluster, plan, holdSeconds: seconds, signals)
        try scaling.hold()
        var results = try [plan.most, plan.least].map { try scaling.change(to: $0) }
        try scaling.empty()
        cluster.stop()
        let findings = try StreamFindings(of: cluster, signals)
        results.append(
            BenchmarkResult(
                name: "\(plan.name), streams", configuration: [:], rates: [:],
                measured: findings.numbers.merging(
                    ["steps_missing": max(0, scaling.stepsCounted - Double(findings.transitions))]) { $1 }))
        return results
    }
}

/// What a cluster that is scaled looks like.
struct ScalePlan {
    let name: String
    /// Actors of a lifetime at the start; what `scale` asks for in the end.
    let least: Int
    let most: Int
    let actorsPerProcess: Int
    let lifetimes: Int
    let isElastic: Bool

    /// A lifetime of 25 actors on each process.
    static let processes = ScalePlan(
        name: "processes", least: 25, most: 200, actorsPerProcess: 25, lifetimes: 8, isElastic: false)
    static let elastic = ScalePlan(
        name: "elastic", least: 10, most: 200, actorsPerProcess: 100, lifetimes: 1, isElastic: true)

    /// More steps a second than a cluster on one machine takes.
    private static let fastestStepsPerSecond = 2e6
    private static let horizon = 20.0

    func processes(for actors: Int) -> Int { (actors + actorsPerProcess - 1) / actorsPerProcess }

    func describe(_ actors: Int) -> String {
        isElastic
            ? "\(actors) actors" : processes(for: actors) == 1 ? "1 process" : "\(processes(for: actors)) processes"
    }

    /// No lifetime ends within `seconds`: ends and beginnings would be taken for what scaling does.
    func experiment(seconds: Double) throws -> Experiment {
        let episodes = Int(Self.fastestStepsPerSecond * seconds / Self.horizon / Double(least))
        return try Experiment(
            yaml: """
                name: scale
                tasks: {test: 16, train: \(lifetimes)}
                collect: {actors: \(least), lifetimes: 1, test_lifetimes: 0, synchronization: asynchronous, \
                elastic: \(isElastic), end: {episodes_per_actor: \(episodes)}}
                cluster: {learners: 1, lifetimes_per_learner: \(lifetimes), actor_processes: 1, \
                actors_per_process: \(actorsPerProcess)}
                evaluate: {train_tasks: 1}
                """, file: "the bench's experiment")
    }
}
