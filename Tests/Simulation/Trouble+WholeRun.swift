import Coordination
import Environments
import Experience
import Experiments
import TestSupport
import Transport
import Wire

/// Trouble for a run that collects, distils and evaluates: some of what can go wrong in each phase.
extension Trouble {
    private static let always: [Event] = [
        .killCoordinator, .processEnded, .partition, .deafness, .stalledCoordinator, .hang, .killEverything, .stop,
        .index, .indexWithoutCatalogue, .losePower,
    ]
    private static let ofPhase: [(phase: RunPhase, events: [Event], count: Int)] = [
        (
            .collecting,
            always + [
                .killActor, .killLearner, .killRecorder, .drainActor, .drainLearner, .drainRecorder, .slowRecorder,
                .fullDisk, .damagedFile, .scaleUp,
                .scaleDown, .sleeperAwakes, .otherProcessor,
            ], 4
        ),
        (.distilling, always + [.killDistiller, .drainDistiller], 2),
        (
            .evaluating,
            always + [
                .killEvaluator, .killRecorder, .drainEvaluator, .drainRecorder, .slowRecorder, .fullDisk,
                .otherProcessor,
            ], 3
        ),
    ]
    private static let lastWords: [Event] = [.killDistillerAtLastWord, .killCoordinatorAtLastWord]
    /// All that may happen in a whole run.
    package static let ofWholeRun: [Event] = Event.allCases.filter { event in
        event == .reordering || lastWords.contains(event) || ofPhase.contains { $0.events.contains(event) }
    }

    private static let attemptsInPhase = 6
    /// Longer than the coordinator waits for a silent node, or not.
    private static let hangMilliseconds: ClosedRange<Int> = 3000...9000
    private static let stopMilliseconds: UInt64 = 20_000
    private static let replacementMilliseconds: UInt64 = 12_000
    private static let commitsLost = 8

    /// Gives back how often what happened, and what was lost when a recorder died; the cluster comes to its end in peace.
    package mutating func runWhole(
        _ cluster: SimulatedCluster, patienceMilliseconds: UInt64
    ) throws -> (counts: [Event: Int], violations: [String]) {
        var counts: [Event: Int] = [:]
        cluster.addSupervisor()
        cluster.network.conditions = makeConditions()
        if !cluster.network.conditions.keepsOrder { counts[.reordering] = 1 }
        cluster.keepsAddresses = random.once(in: 2)
        for (phase, events, count) in Self.ofPhase {
            try cluster.run(milliseconds: patienceMilliseconds / 4) { $0.phase.isAtLeast(phase) }
            for event in choose(events, count, in: phase) where cluster.phase == phase {
                let goal = cluster.network.counts.delivered + 1 + random.below(Self.deliveriesBetweenEvents)
                try cluster.run(milliseconds: Self.roundMilliseconds) { $0.network.counts.delivered >= goal }
                if random.once(in: 2) { try end(cluster) }
                if try attempt(event, in: phase, cluster) { counts[event, default: 0] += 1 }
            }
            try cluster.run(milliseconds: Self.roundMilliseconds / 4)
            try end(cluster)
        }
        cluster.network.conditions = NetworkConditions()
        try cluster.run(milliseconds: patienceMilliseconds)
        return (counts, violations)
    }

    private mutating func choose(_ events: [Event], _ count: Int, in phase: RunPhase) -> [Event] {
        let chosen = Array(events.shuffled(using: &random).prefix(count))
        // What waits for the last checkpoint comes last.
        return phase == .distilling && random.once(in: 2) ? chosen + [random.pick(Self.lastWords)] : chosen
    }

    private mutating func attempt(_ event: Event, in phase: RunPhase, _ cluster: SimulatedCluster) throws -> Bool {
        for _ in 0..<Self.attemptsInPhase where cluster.phase == phase {
            try endLongCuts(cluster)
            if try happen(event, cluster) { return true }
            try cluster.run(milliseconds: Self.pauseMilliseconds)
        }
        return false
    }

    /// What happens to whole runs alone.
    mutating func happenToRun(_ event: Event, _ cluster: SimulatedCluster) throws -> Bool {
        switch event {
        case .hang:
            let name = random.pick(cluster.nodes.keys.sorted() + [SimulatedSupervisor.name])
            cluster.hold(name, milliseconds: milliseconds(in: Self.hangMilliseconds))
        case .killDistillerAtLastWord, .killCoordinatorAtLastWord:
            try cluster.run(milliseconds: Self.stopMilliseconds) { $0.hasLastCheckpoints || $0.phase != .distilling }
            guard cluster.hasLastCheckpoints, cluster.phase == .distilling else { return false }
            if event == .killDistillerAtLastWord { return kill(.distiller, cluster) != nil }
            cluster.kill(SimulatedCluster.coordinatorName)
        case .killEverything: try killEverything(cluster) { $0.killEverything() }
        case .stop:
            guard try cluster.stopAndResume(withinMilliseconds: Self.stopMilliseconds) else { return false }
            isScaled = false
        case .index: try killEverything(cluster) { try $0.killAndIndex(catalogueIsLost: false) }
        case .indexWithoutCatalogue: try killEverything(cluster) { try $0.killAndIndex(catalogueIsLost: true) }
        case .losePower:
            let turns = 1 + random.below(Self.commitsLost)
            try killEverything(cluster) { $0.losePower(turns: turns) }
        case .sleeperAwakes: return try awakeSleeper(cluster)
        case .otherProcessor: return try moveElsewhere(cluster)
        default: return false
        }
        return true
    }

    /// In the middle of something that has to be lived again.
    private mutating func moveElsewhere(_ cluster: SimulatedCluster) throws -> Bool {
        let isEvaluating = cluster.phase == .evaluating
        // What stands for another processor has other random numbers, by which trials would draw other tasks.
        guard isEvaluating || cluster.context.distribution.environment.episodesPerTrial == 1 else { return false }
        try cluster.run(milliseconds: Self.replacementMilliseconds) { cluster in
            cluster.acknowledged.contains { stream, next in
                next > 1 && cluster.journal.sealed[stream] == nil
                    && (stream.lifetime.collection != .histories) == isEvaluating
            }
        }
        let role = isEvaluating ? RoleName.evaluator : .actor
        guard let name = choose(cluster.names(role)) else { return false }
        cluster.startsElsewhere.insert(role)
        cluster.kill(name)
        return true
    }

    private mutating func milliseconds(in range: ClosedRange<Int>) -> UInt64 {
        UInt64(range.lowerBound + random.below(range.upperBound - range.lowerBound))
    }

    private mutating func killEverything(
        _ cluster: SimulatedCluster, _ kill: (SimulatedCluster) throws -> Void
    ) throws {
        if !cluster.names(.recorder).isEmpty { violations += try cluster.lost() }
        // Whoever resumes a run begins with the actors of its experiment.
        isScaled = false
        try kill(cluster)
    }

    /// Others have gone on with its streams, and the recorder that knew so dies.
    private mutating func awakeSleeper(_ cluster: SimulatedCluster) throws -> Bool {
        guard let sleeper = choose(cluster.names(.actor)) else { return false }
        cluster.hold(sleeper, milliseconds: Self.replacementMilliseconds + Self.roundMilliseconds)
        let before = cluster.witness.acknowledged
        try cluster.run(milliseconds: Self.replacementMilliseconds) { cluster in
            cluster.nodes[sleeper] == nil
                || cluster.witness.acknowledged.contains {
                    before[$0.key] == nil && $0.value > (cluster.witness.firstAcknowledged[$0.key] ?? 0)
                }
        }
        guard cluster.nodes[sleeper] != nil, try killRecorder(cluster) else { return false }
        try cluster.run(milliseconds: Self.noticeMilliseconds) { !$0.names(.recorder).isEmpty }
        cluster.hold(sleeper, milliseconds: milliseconds(in: 0...200))
        return true
    }
}

extension RunPhase {
    private static let order: [RunPhase] = [.collecting, .distilling, .evaluating, .finished]

    /// The same, or a later one.
    fileprivate func isAtLeast(_ other: RunPhase) -> Bool {
        (Self.order.firstIndex(of: self) ?? 0) >= (Self.order.firstIndex(of: other) ?? 0)
    }
}
