import Environments
package import TestSupport
import Wire

/// What goes wrong in one random run, for a bounded time; everything follows from the seed.
package struct Trouble {
    /// Each happens once at least, in an order and at times that the seed chooses.
    package enum Event: String, CaseIterable, Sendable {
        case killActor, killLearner, killRecorder, killCoordinator, partition, slowRecorder, deafness, reordering
    }

    private static let deliveriesBetweenEvents = 90
    private static let roundMilliseconds: UInt64 = 5000
    private static let longestCutRounds = 3
    private static let attempts = 20
    private static let pauseMilliseconds: UInt64 = 250
    private static let slownessMilliseconds: UInt64 = 1500
    private var random: SplitMix

    package init(_ seed: UInt64) { random = SplitMix(seed: seed) }

    private mutating func unit() -> Float { Float(random.below(1 << 24)) * 0x1p-24 }

    package mutating func makeConditions() -> NetworkConditions {
        var conditions = NetworkConditions()
        conditions.delay = 1_000_000...UInt64(5_000_000 + 250_000_000 * unit())
        conditions.dropped = 0.01 + 0.14 * unit()
        conditions.duplicated = 0.01 + 0.14 * unit()
        conditions.keepsOrder = unit() < 0.7
        return conditions
    }

    /// Everything goes wrong, one after the other, and then some of it again; then the cluster comes to its end in
    /// peace. Gives back how often what happened, and what was lost when a recorder died.
    package mutating func run(
        _ cluster: SimulatedCluster, patienceMilliseconds: UInt64
    ) throws -> (counts: [Event: Int], violations: [String]) {
        var counts: [Event: Int] = [:]
        var violations: [String] = []
        var cutRounds = 0
        cluster.network.conditions = makeConditions()
        // Reordering needs some time to show.
        let others = (Event.allCases.filter { $0 != .reordering } + [random.pick(Event.allCases)])
        for event in [.reordering] + others.shuffled(using: &random) {
            let goal =
                cluster.network.counts.delivered + Self.deliveriesBetweenEvents / 2
                + random.below(Self.deliveriesBetweenEvents)
            try cluster.run(milliseconds: Self.roundMilliseconds) { $0.network.counts.delivered >= goal }
            // Nodes give a coordinator up that they do not hear for half a minute.
            cutRounds += 1
            if random.once(in: 2) || cutRounds == Self.longestCutRounds {
                cluster.network.heal()
                cutRounds = 0
            }
            // There may be nobody just now to whom it could happen.
            for _ in 0..<Self.attempts {
                if try happen(event, cluster, &violations) {
                    counts[event, default: 0] += 1
                    break
                }
                try cluster.run(milliseconds: Self.pauseMilliseconds)
            }
        }
        try cluster.run(milliseconds: Self.roundMilliseconds / 4)
        cluster.network.heal()
        cluster.network.conditions = NetworkConditions()
        try cluster.run(milliseconds: patienceMilliseconds)
        return (counts, violations)
    }

    private mutating func happen(
        _ event: Event, _ cluster: SimulatedCluster, _ violations: inout [String]
    ) throws -> Bool {
        guard !cluster.isFinished else { return false }
        let names = cluster.nodes.keys.sorted()
        switch event {
        case .killActor: return kill(.actor, cluster)
        case .killLearner: return kill(.learner, cluster)
        case .killRecorder:
            guard kill(.recorder, cluster) else { return false }
            violations += try cluster.lost()
        case .killCoordinator: cluster.kill(SimulatedCluster.coordinatorName)
        case .partition:
            guard !names.isEmpty else { return false }
            let name = random.pick(names)
            // With the coordinator everybody speaks each second.
            let others = Set(names).subtracting([name])
            cluster.network.partition(
                [name], from: (random.once(in: 2) ? others : []).union([SimulatedCluster.coordinatorName]))
        case .deafness:
            guard names.count > 1 else { return false }
            cluster.network.cut(from: random.pick(names), to: random.pick(names + [SimulatedCluster.coordinatorName]))
        case .slowRecorder:
            guard let name = cluster.names(.recorder).first else { return false }
            cluster.hold(name, milliseconds: Self.slownessMilliseconds)
        case .reordering: cluster.network.conditions.keepsOrder = false
        }
        return true
    }

    private mutating func kill(_ role: RoleName, _ cluster: SimulatedCluster) -> Bool {
        let names = cluster.names(role)
        guard !names.isEmpty else { return false }
        cluster.kill(random.pick(names))
        return true
    }
}
