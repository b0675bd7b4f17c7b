package import Coordination
import Foundation
import TestSupport
import Transport
import Wire

/// One seed: a checkpoint is evaluated by workers that come, leave and die.
package struct DisturbedEvaluation: Sendable {
    package enum Event: String, CaseIterable, Sendable {
        case killEvaluator, killRecorder, killCoordinator, join, drain, partition
    }

    private static let deliveriesBetweenEvents = 30
    private static let roundMilliseconds: UInt64 = 4000

    package let deliveries: Int
    package let events: Set<Event>
    package let violations: [String]

    private static func experiment(_ seed: UInt64) -> String {
        smallExperiment(lockstep: false, trainTasks: 6, recorders: recorders(seed)).replacingOccurrences(
            of: "evaluate: {train_tasks: 1, seeds: 2, episodes: 3}",
            with: "evaluate: {train_tasks: 6, seeds: 2, episodes: 12}")
    }

    /// What one evaluator that nobody disturbs finds, and the run with the checkpoint that it evaluated.
    package struct Reference {
        package let returns: [FinishedJob: [Float]]
        package let streams: [String: StreamData]
        fileprivate let cluster: SimulatedCluster
        package let checkpoint: String
        /// Of the run.
        package var folder: String { cluster.folder }

        package init() throws {
            cluster = try SimulatedCluster(
                yaml: DisturbedEvaluation.experiment(0).replacingOccurrences(
                    of: "cluster:\n", with: "cluster:\n  evaluators: 1\n"),
                seed: 0, goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
            try cluster.run(milliseconds: DisturbedRun.patienceMilliseconds)
            returns = cluster.journal.returns
            streams = try cluster.dataset().filter { $0.key.contains("/evaluations/") }
            checkpoint =
                CheckpointStore(
                    folder: URL(fileURLWithPath: cluster.folder + "/checkpoints/distiller")
                ).latest ?? ""
        }
    }

    /// `prepare`: what a test plants into the cluster before it begins.
    package init(
        seed: UInt64, reference: Reference, prepare: (SimulatedCluster) -> Void = { _ in }
    ) throws {
        let cluster = try SimulatedCluster(
            yaml: Self.experiment(seed), seed: seed,
            goal: Coordinator.Goal(
                collects: false, distils: false, evaluates: true, checkpoint: reference.checkpoint),
            prepare: { folder in
                try FileManager.default.copyItem(
                    atPath: reference.cluster.folder + "/checkpoints", toPath: folder + "/checkpoints")
            })
        prepare(cluster)
        var random = SplitMix(seed: seed)
        var trouble = Trouble(seed)
        cluster.network.conditions = trouble.makeConditions()
        var events: Set<Event> = []
        for event in (Event.allCases + Event.allCases).shuffled(using: &random) {
            let goal = cluster.network.counts.delivered + 1 + random.below(Self.deliveriesBetweenEvents)
            try cluster.run(milliseconds: Self.roundMilliseconds) { $0.network.counts.delivered >= goal }
            if random.once(in: 2) { cluster.network.heal() }
            if Self.happen(event, cluster, &random) { events.insert(event) }
        }
        cluster.network.heal()
        cluster.network.conditions = NetworkConditions()
        try cluster.run(milliseconds: DisturbedRun.patienceMilliseconds)
        var violations = try cluster.violations()
        if cluster.journal.returns != reference.returns {
            violations.append("other results than those of one evaluator")
        }
        if cluster.isFinished, try cluster.dataset() != reference.streams { violations.append("other streams") }
        self.violations = violations
        self.events = events
        deliveries = cluster.network.counts.delivered
    }

    private static func happen(_ event: Event, _ cluster: SimulatedCluster, _ random: inout SplitMix) -> Bool {
        guard !cluster.isFinished else { return false }
        let evaluators = cluster.names(.evaluator)
        switch event {
        case .killEvaluator: evaluators.first.map { cluster.kill($0) }
        case .killRecorder: cluster.names(.recorder).randomElement(using: &random).map { cluster.kill($0) }
        case .killCoordinator: cluster.kill(SimulatedCluster.coordinatorName)
        case .join: cluster.start(.evaluator)
        case .drain:
            if let name = evaluators.last {
                cluster.inject(.drain(node: name), from: "client", to: SimulatedCluster.coordinatorName)
            }
        case .partition:
            if let name = evaluators.first {
                cluster.network.partition(
                    [name], from: [random.once(in: 2) ? SimulatedCluster.coordinatorName : "recorder-0"])
            }
        }
        return true
    }
}
