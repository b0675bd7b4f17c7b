import Coordination
import Distillation
import Environments
import Experience
import Experiments
import Foundation
import TestSupport

/// One seed: a run that collects, distils and evaluates, while something goes wrong in each of its phases.
package struct WholeRun: Sendable {
    package static let patienceMilliseconds: UInt64 = 600_000
    private static let actors = 3

    package let seed: UInt64
    package let events: [Trouble.Event: Int]
    package let violations: [String]
    package let deliveries: Int
    package let simulatedSeconds: Double
    package let repeated: Int
    package let refused: Int
    package let worstSecond: Int

    /// What a run that nobody disturbs gives, where that is determined.
    package struct Reference: Sendable {
        fileprivate let dataset: [String: StreamData]
        fileprivate let returns: [FinishedJob: [Float]]
        fileprivate let models: [String: Data]

        fileprivate init(ofExperiment seed: UInt64) throws {
            let cluster = try SimulatedCluster(yaml: experiment(seed), seed: 0, goal: goal)
            try cluster.run(milliseconds: patienceMilliseconds)
            dataset = try cluster.dataset()
            returns = cluster.journal.returns
            models = try cluster.lastModels()
        }
    }

    /// What undisturbed runs give, of one distillation and of several, of a source with a replay, and of RL2.
    package struct References: Sendable {
        fileprivate let single: Reference
        fileprivate let plan: Reference
        fileprivate let replay: Reference
        fileprivate let trials: Reference

        package init() throws {
            single = try Reference(ofExperiment: 0)
            plan = try Reference(ofExperiment: 2)
            replay = try Reference(ofExperiment: 12)
            trials = try Reference(ofExperiment: 4)
        }

        fileprivate func ofExperiment(_ seed: UInt64) -> Reference {
            hasPlan(seed) ? plan : hasTrials(seed) ? trials : DisturbedRun.hasReplay(seed) ? replay : single
        }
    }

    /// Of four seeds that follow on one another one has several variants: of eight, one in lockstep and one that is not.
    private static func hasPlan(_ seed: UInt64) -> Bool { seed % 8 == 2 || seed % 8 == 7 }

    /// Of sixteen two, one in lockstep and one that is not: nothing is distilled, and what two lifetimes on trials have
    /// learnt is evaluated.
    private static func hasTrials(_ seed: UInt64) -> Bool { seed % 16 == 4 || seed % 16 == 11 }

    private static let goal = Coordinator.Goal(collects: true, distils: true, evaluates: true)

    package static func experiment(_ seed: UInt64) -> String {
        hasPlan(seed) ? plan(seed) : hasTrials(seed) ? trials(seed) : small(seed)
    }

    /// Whether the distillers of a plan follow the histories as they grow: then the models depend on what had come when.
    private static func follows(_ seed: UInt64) -> Bool { seed % 16 == 15 }

    /// Three variants with two seeds each on two distillers, four evaluations on three evaluators.
    private static func plan(_ seed: UInt64) -> String {
        small(seed).replacingOccurrences(of: "cluster:\n", with: "cluster:\n  distillers: 2\n  evaluators: 3\n")
            .replacingOccurrences(of: "distil:\n", with: "distil:\n  seeds: 2\n  follow: \(follows(seed))\n") + """

                variants:
                  - name: ad
                  - {name: short, model: {context_length: 1}}
                  - name: fast
                    training: {peak_learning_rate: 0.01, steps: 9}
                evaluations:
                  - {name: held-out, episodes: 6}
                  - {name: cleared, context: cleared, episodes: 3, variants: [ad]}
                  - {name: trained, tasks: train, limit: 1, seeds: 1, episodes: 3}
                  - {name: baselines, policies: [random, source], episodes: 3}
                """
    }

    private static func trials(_ seed: UInt64) -> String {
        smallExperiment(
            lockstep: DisturbedRun.isLockstep(seed), actors: actors, episodes: 60, rolloutLength: 4,
            checkpointSeconds: 1, recorders: recorders(seed),
            source: "lstm: {units: 16, layers: 1}, learning_rate: 0.01"
        )
        .replacingOccurrences(
            of: "environment: {size: 3, horizon: 4}",
            with: "environment: {name: trials, of: {name: dark-room, size: 3, horizon: 4}, episodes: 3}"
        )
        .replacingOccurrences(of: "tasks: {test: 1, train: 1}", with: "tasks: {test: 2}")
        .replacingOccurrences(of: "collect:\n", with: "collect:\n  lifetimes: 2\n")
        .replacingOccurrences(of: "distil:\n", with: "distil:\n  seeds: 0\n")
        .replacingOccurrences(of: "evaluate: {train_tasks: 1, ", with: "evaluate: {") + """

            evaluations:
              - {name: held-out, policies: [rl2, random], episodes: 12}
              - {name: drawn, tasks: drawn, limit: 2, policies: [rl2], episodes: 6}
            """
    }

    /// Every other seed is in lockstep; of the others every other one is elastic.
    private static func small(_ seed: UInt64) -> String {
        let yaml = smallExperiment(
            lockstep: DisturbedRun.isLockstep(seed), actors: actors, trainTasks: 2, episodes: 60, rolloutLength: 4,
            checkpointSeconds: 1, recorders: recorders(seed), source: DisturbedRun.source(seed)
        )
        .replacingOccurrences(of: "steps: 3,", with: "steps: 16,")
        .replacingOccurrences(of: "checkpoint_every: 2", with: "checkpoint_every: 5")
        .replacingOccurrences(of: "seeds: 2, episodes: 3", with: "seeds: 2, episodes: 12")
        guard seed % 4 == 1 else { return yaml }
        return yaml.replacingOccurrences(of: "  test_lifetimes: 0\n", with: "  test_lifetimes: 0\n  elastic: true\n")
    }

    /// `prepare`: what a test plants into the cluster before it begins.
    package init(
        seed: UInt64, references: References, prepare: (SimulatedCluster) -> Void = { _ in }
    ) throws {
        self.seed = seed
        let cluster = try SimulatedCluster(yaml: Self.experiment(seed), seed: seed, goal: Self.goal)
        cluster.growsElsewhere = DisturbedRun.growsElsewhere(seed)
        prepare(cluster)
        var trouble = Trouble(seed, actors: Self.actors)
        let (events, found) = try trouble.runWhole(cluster, patienceMilliseconds: Self.patienceMilliseconds)
        var violations = try found + cluster.violations()
        if cluster.isFinished, cluster.coordinator.failure.isEmpty {
            let isDetermined =
                DisturbedRun.isLockstep(seed) && cluster.damaged.isEmpty && events[.otherProcessor] == nil
            violations +=
                try isDetermined
                ? cluster.differences(from: references.ofExperiment(seed)) : cluster.differencesFromSuccessor()
            violations += try cluster.falseResults()
        }
        self.events = events
        self.violations = violations
        deliveries = cluster.network.counts.delivered
        simulatedSeconds = cluster.seconds
        repeated = cluster.traffic.repeated
        refused = cluster.traffic.refused
        worstSecond = cluster.traffic.worstSecond
    }
}

extension SimulatedCluster {
    private static let modelFile = "model.safetensors"

    /// By the names of the distillations, and of what lifetimes have learnt.
    fileprivate func lastModels() throws -> [String: Data] {
        let root = CheckpointStore(folder: URL(fileURLWithPath: folder + "/checkpoints/distiller"))
        var models: [String: Data] = [:]
        for name in try context.experiment.distillations().map(\.name) {
            let store = root.store(of: name)
            models[name] = try Data(
                contentsOf: store.folder.appendingPathComponent("\(store.latest ?? "")/\(Self.modelFile)"))
        }
        let learner = CheckpointStore(folder: URL(fileURLWithPath: folder + "/checkpoints/learner"))
        for name in context.learntPolicies.map(\.name) {
            let store = learner.store(of: name)
            models[name] = try Data(
                contentsOf: store.folder.appendingPathComponent("\(store.latest ?? "")/\(Self.modelFile)"))
        }
        return models
    }

    /// From the streams, the model and the results of a run that nobody disturbed.
    fileprivate func differences(from reference: WholeRun.Reference) throws -> [String] {
        var differences: [String] = []
        if try dataset() != reference.dataset { differences.append("the streams are not those of an undisturbed run") }
        if try lastModels() != reference.models { differences.append("a model is not that of an undisturbed run") }
        if journal.returns != reference.returns {
            differences.append("the results are not those of an undisturbed run")
        }
        return differences
    }

    /// From the results of an evaluation of the same checkpoint that nobody disturbs.
    fileprivate func differencesFromSuccessor() throws -> [String] {
        guard hasLastCheckpoints else { return ["there is no last checkpoint"] }
        let undisturbed = try SimulatedCluster(
            yaml: context.experiment.yaml, seed: 0,
            goal: Coordinator.Goal(collects: false, distils: false, evaluates: true),
            prepare: { copy in
                try FileManager.default.copyItem(atPath: folder + "/checkpoints", toPath: copy + "/checkpoints")
            })
        try undisturbed.run(milliseconds: WholeRun.patienceMilliseconds)
        return elsewhere.isEmpty && journal.returns != undisturbed.journal.returns
            ? ["the results are not those of an undisturbed evaluation of the same checkpoint"] : []
    }
}
