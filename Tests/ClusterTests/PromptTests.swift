import Coordination
import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Settings
import Simulation
import Testing
import Wire

@Suite("Evaluations that begin with a prompt")
struct PromptTests {
    /// Two qualities of two episodes each, of two variants, beside an evaluation without a prompt.
    private func experiment(_ evaluations: [String]) -> String {
        smallExperiment(lockstep: true, episodes: 40).replacingOccurrences(
            of: "evaluate: {train_tasks: 1, seeds: 2, episodes: 3}",
            with: "evaluate: {seeds: 2, episodes: 6}\nvariants: [{name: ad}, {name: ed, windows: {last_share: 0.2}}]\n"
                + "evaluations:\n" + evaluations.map { "  - {\($0)}\n" }.joined()
        ).replacingOccurrences(of: "test_lifetimes: 0", with: "test_lifetimes: 1")
            .replacingOccurrences(of: "context_length: 2", with: "context_length: 8")
    }

    private let evaluations = [
        "name: plain", "name: low, prompt: {quality: 0.05, transitions: 8}",
        "name: high, prompt: {quality: 1, transitions: 8}, episodes: 4",
    ]

    private func run(_ yaml: String, killing: Bool = false) throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(
            yaml: yaml, seed: 1, goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
        if killing {
            for kills in 1...3 {
                try cluster.run(milliseconds: patienceMilliseconds) { cluster in
                    cluster.acknowledged.count { $0.key.lifetime.collection != .histories } >= 2 * kills
                }
                cluster.names(.evaluator).forEach { cluster.kill($0) }
                if kills == 2 { cluster.kill(SimulatedCluster.coordinatorName) }
            }
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(1)
        return cluster
    }

    private func prompt(_ name: String, in cluster: SimulatedCluster, seed: Int) throws -> DistilledPolicy.Settings {
        let task = try #require(cluster.journal.returns.keys.first { $0.evaluation == name }?.task)
        let lifetime = LifetimeIdentifier(collection: .evaluation(name), task: task, repetition: 0)
        let contents = try StreamContents(
            path: "\(cluster.folder)/\(StreamIdentifier(lifetime: lifetime, actor: seed).path)")
        let source = try #require(contents.metadata.evaluation)
        return try #require(try PolicyChoice(source.policy).settings as? DistilledPolicy.Settings)
    }

    @Test("say in their streams which whole episodes of the task's history they began with, the same for every seed")
    func chosen() throws {
        let cluster = try run(experiment(evaluations))
        let names = Set(cluster.journal.returns.keys.map(\.evaluation))
        #expect(names.count == 6)
        var found: [String: DistilledPolicy.Settings] = [:]
        for name in names {
            let settings = try prompt(name, in: cluster, seed: 0)
            #expect(try prompt(name, in: cluster, seed: 1) == settings)
            found[name] = settings
        }
        for variant in ["ad", "ed"] {
            #expect(found["\(variant)-step-00000003-plain"]?.prompt == nil)
            let low = try #require(found["\(variant)-step-00000003-low"])
            let high = try #require(found["\(variant)-step-00000003-high"])
            #expect(low.promptQuality == 0.05 && high.promptQuality == 1)
            #expect(try #require(low.promptReturn) < (try #require(high.promptReturn)))
            for settings in [low, high] {
                let path = try #require(settings.prompt)
                #expect(path.hasPrefix("histories/") && settings.promptTransitions == 8)
                let contents = try StreamContents(path: "\(cluster.folder)/\(path)")
                let rows = settings.promptFrom..<(settings.promptFrom + 8)
                let episodes = contents.episodes.filter { rows.contains($0.rows.lowerBound) }
                #expect(episodes.first?.rows.lowerBound == rows.lowerBound && episodes.count == 2)
                #expect(settings.promptReturn == episodes.reduce(0) { $0 + $1.rewardSum } / 2)
            }
        }
        #expect(found["ad-step-00000003-low"]?.prompt == found["ed-step-00000003-low"]?.prompt)
    }

    @Test("come out the same when evaluators and the coordinator die meanwhile")
    func killed() throws {
        #expect(try run(experiment(evaluations), killing: true).dataset() == run(experiment(evaluations)).dataset())
    }

    @Test("that cannot be had are an error of their evaluation alone, at the end of the run")
    func missing() throws {
        let cluster = try SimulatedCluster(
            yaml: experiment(evaluations), seed: 1,
            goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
        var isDamaged = false
        try cluster.run(milliseconds: patienceMilliseconds) { cluster in
            // Before any evaluation has begun a stream that the prompts may be of is spoilt.
            if !isDamaged, cluster.coordinator.phase == .distilling {
                isDamaged = true
                let task = try? ExperimentContext(yaml: experiment(evaluations), folder: "").distribution.ids(of: .test)
                let stream = StreamIdentifier(
                    lifetime: LifetimeIdentifier(task: task?.first ?? 0, repetition: 0), actor: 1)
                let path = "\(cluster.folder)/\(stream.path)"
                try? Data(repeating: 7, count: 300).write(to: URL(fileURLWithPath: path))
            }
            return false
        }
        #expect(isDamaged && cluster.isFinished)
        let names = Set(cluster.journal.returns.keys.map(\.evaluation))
        #expect(names == ["ad-step-00000003-plain", "ed-step-00000003-plain"])
        let failure = cluster.coordinator.failure
        #expect(failure.contains("4 of 6 evaluation jobs could not be played"), "\(failure)")
        #expect(failure.contains("actor-0001.h5") && failure.contains("--resume"), "\(failure)")
    }

    @Test("are looked for beside the coordinator's own work, which goes on meanwhile")
    func slowDisk() throws {
        let disk = SlowDisk()
        let lone = try LoneCoordinator(
            experiment(["name: prompted, prompt: {transitions: 8}", "name: plain"])
                .replacingOccurrences(of: "variants: [{name: ad}, {name: ed, windows: {last_share: 0.2}}]", with: ""),
            goal: Coordinator.Goal(collects: false, distils: false, evaluates: true, checkpoint: "step-1"),
            promptDisk: disk)
        for (role, name) in [(RoleName.recorder, "r"), (.evaluator, "e1"), (.evaluator, "e2")] {
            try lone.join(role, name)
        }
        func jobs() throws -> [String: EvaluationJob] {
            var jobs: [String: EvaluationJob] = [:]
            for (to, envelope) in try lone.tick() {
                if case .evaluationJob(let job) = envelope.message { jobs[to] = job }
            }
            return jobs
        }
        let told = try jobs()
        #expect(told.mapValues(\.evaluation) == ["e2": "step-1-plain"] && disk.waiting == 1)
        #expect(try jobs().isEmpty && disk.waiting == 1)
        disk.carryOut()
        #expect(try jobs().isEmpty)
        #expect(lone.coordinator.failure.isEmpty && lone.coordinator.phase == .evaluating)
        let plain = try #require(told["e2"])
        _ = try lone.say(
            .evaluationResult(
                EvaluationResult(
                    job: plain.job, returns: [Float](repeating: 1, count: plain.seeds * plain.episodes))), from: "e2")
        _ = try lone.tick()
        #expect(lone.coordinator.phase == .finished)
        #expect(lone.coordinator.failure.contains("step-1-prompted task"), "\(lone.coordinator.failure)")
        #expect(lone.coordinator.failure.contains("there is no learning history of task"))
    }

    @Test(
        "that could not be had or would not be seen are refused before anything starts",
        arguments: [
            ("{name: x, prompt: {quality: 0.5, transitions: 3}}", "write transitions: 4 or more"),
            ("{name: x, prompt: {quality: 0.5, transitions: 9}}", "more than the context of variant ad holds, 8"),
            ("{name: x, prompt: {quality: 2}}", "0 to 1"),
            ("{name: x, context: cleared, prompt: {transitions: 8}}", "keeps no prompt"),
            ("{name: x, policies: [distilled, random], prompt: {transitions: 8}}", "distilled alone"),
        ])
    func refused(evaluation: String, words: String) {
        let yaml = experiment([String(evaluation.dropFirst().dropLast())])
        let error = #expect(throws: (any Error).self) { try Experiment(yaml: yaml, file: "x.yaml") }
        #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(error.map { "\($0)" } ?? "")")
    }

    @Test("of tasks on which nothing is collected are refused, with the key that would change it")
    func nothingCollected() {
        let yaml = experiment(["name: x, prompt: {transitions: 8}"])
            .replacingOccurrences(of: "test_lifetimes: 1", with: "test_lifetimes: 0")
        let error = #expect(throws: (any Error).self) { try Experiment(yaml: yaml, file: "x.yaml") }
        #expect("\(error.map { "\($0)" } ?? "")".contains("write collect.test_lifetimes: 1"))
    }
}
