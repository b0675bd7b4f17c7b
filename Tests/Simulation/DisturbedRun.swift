import Experience
import Foundation
import TestSupport

/// One seed: a small experiment on a network and with processes that fail, and what came of it.
package struct DisturbedRun: Sendable {
    package static let patienceMilliseconds: UInt64 = 400_000

    package let seed: UInt64
    package let deliveries: Int
    package let messages: [String: Int]
    package let events: [Trouble.Event: Int]
    package let violations: [String]
    package let simulatedSeconds: Double
    /// Nodes that ended because nobody had told them anything for half a minute.
    package let givenUp: Int
    /// Streams, of the one that was damaged.
    package let quarantined: Int

    private static let actors = 3

    /// Every other seed is in lockstep; of the others every other one is elastic.
    package static func experiment(_ seed: UInt64) -> String {
        let yaml = smallExperiment(
            lockstep: isLockstep(seed), actors: actors, trainTasks: 3, episodes: 120, rolloutLength: 4,
            checkpointSeconds: 1, recorders: recorders(seed), lifetimes: lifetimes(seed),
            source: source(seed))
        guard seed % 4 == 1 else { return yaml }
        return yaml.replacingOccurrences(of: "  test_lifetimes: 0\n", with: "  test_lifetimes: 0\n  elastic: true\n")
    }

    /// Of each sixteen seeds four have DQN(Q-lambda).
    static func source(_ seed: UInt64) -> String {
        hasReplay(seed) ? smallQLambda : "hidden: [8], learning_rate: 0.01"
    }

    /// At once: several recorders are to be at work.
    private static func lifetimes(_ seed: UInt64) -> Int { min(2, recorders(seed)) }

    package static func isLockstep(_ seed: UInt64) -> Bool { seed % 2 == 0 }

    /// Whether streams grow on another disk than the one on which they end.
    static func growsElsewhere(_ seed: UInt64) -> Bool { seed % 5 < 2 }

    /// Whether the source is DQN(Q-lambda).
    static func hasReplay(_ seed: UInt64) -> Bool { seed % 16 >= 12 }

    /// What undisturbed runs give, where that is determined, without and with a replay.
    package struct Undisturbed: Sendable {
        fileprivate let withoutReplay: [String: StreamData]
        fileprivate let withReplay: [String: StreamData]

        package init() throws {
            func dataset(_ seed: UInt64) throws -> [String: StreamData] {
                let cluster = try SimulatedCluster(yaml: experiment(seed), seed: seed)
                try cluster.run(milliseconds: patienceMilliseconds)
                return try cluster.dataset()
            }
            withoutReplay = try dataset(0)
            withReplay = try dataset(12)
        }
    }

    /// `prepare`: what a test plants into the cluster before it begins.
    package init(
        seed: UInt64, undisturbed: Undisturbed, prepare: (SimulatedCluster) -> Void = { _ in }
    ) throws {
        self.seed = seed
        let cluster = try SimulatedCluster(yaml: Self.experiment(seed), seed: seed)
        cluster.growsElsewhere = Self.growsElsewhere(seed)
        prepare(cluster)
        var trouble = Trouble(seed, actors: Self.actors * Self.lifetimes(seed))
        let (events, found): ([Trouble.Event: Int], [String]) = try trouble.run(
            cluster, patienceMilliseconds: Self.patienceMilliseconds)
        var violations = try found + cluster.violations()
        if Self.isLockstep(seed), cluster.isFinished {
            let damaged = Set(cluster.damaged.map { "/" + $0.path })
            let sound = try cluster.dataset().filter { !damaged.contains($0.key) }
            let undisturbed = Self.hasReplay(seed) ? undisturbed.withReplay : undisturbed.withoutReplay
            if sound != undisturbed.filter({ !damaged.contains($0.key) }) {
                violations.append("the streams are not those of an undisturbed run")
            }
        }
        givenUp = cluster.givenUp
        quarantined = cluster.journal.quarantined.count
        let counts = cluster.network.counts
        self.events = events
        self.violations = violations
        deliveries = counts.delivered
        messages = [
            "dropped": counts.dropped, "duplicated": counts.duplicated, "cut": counts.cut,
            "reordered": counts.reordered,
        ]
        simulatedSeconds = cluster.seconds
    }
}
