import Cluster
import Environments
import Foundation
import Histories
import Simulation
import TestSupport
import Testing
import Transport
import Wire

/// Simulated time that no run needs: a hang is found, not waited for.
let patienceMilliseconds: UInt64 = 400_000

@Suite("A cluster on a simulated network") struct SimulationTests {
    @Test("a lifetime runs to its end without a fault", arguments: [true, false])
    func undisturbed(lockstep: Bool) throws {
        let seed = testSeed()
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: lockstep, learners: 2, trainTasks: 3), seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        #expect(cluster.journal.ended.count == 3)
        for (_, content) in try cluster.dataset() { #expect(content.rows.rewards.count == 8 * 4) }
    }

    @Test("a subset of the actors is recorded") func subset() throws {
        let seed = testSeed()
        let yaml = smallExperiment(lockstep: false).replacingOccurrences(
            of: "  actors: 3\n", with: "  actors: 3\n  record_actors: 1\n")
        let cluster = try SimulatedCluster(yaml: yaml, seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        #expect(try cluster.dataset().count == 1)
    }

    @Test("the same lockstep experiment with 1 and with 5 actor processes gives the same streams")
    func processCount() throws {
        let seed = testSeed()
        let datasets = try [1, 5].map { processes in
            let cluster = try SimulatedCluster(
                yaml: smallExperiment(lockstep: true, actors: 7, processes: processes, trainTasks: 2), seed: seed)
            try cluster.run(milliseconds: patienceMilliseconds)
            try cluster.checkEnd(seed)
            return try cluster.dataset()
        }
        #expect(datasets[0].count == 14)
        #expect(datasets[0] == datasets[1])
    }

    @Test("nothing is lost or doubled on a network that delays, drops, repeats and parts", arguments: [true, false])
    func chaos(lockstep: Bool) throws { try disturb(lockstep: lockstep, kills: false) }

    @Test("nothing is lost or doubled when processes are killed at any moment", arguments: [true, false])
    func chaosAndKills(lockstep: Bool) throws { try disturb(lockstep: lockstep, kills: true) }

    /// A hundred runs in trouble, each checked at its end.
    private func disturb(lockstep: Bool, kills: Bool) throws {
        let first = testSeed()
        let undisturbed = lockstep ? try reference(smallExperiment(lockstep: true, trainTasks: 2)) : nil
        for run in 0..<100 {
            let seed = first &+ UInt64(run)
            let cluster = try SimulatedCluster(
                yaml: smallExperiment(lockstep: lockstep, trainTasks: 2), seed: seed,
                conditions: Trouble(seed).conditions)
            try Trouble(seed).run(cluster, kills: kills)
            try cluster.checkEnd(seed)
            if let undisturbed { #expect(try cluster.dataset() == undisturbed, "DISTILLERY_TEST_SEED=\(seed)") }
        }
    }

    private func reference(_ yaml: String) throws -> [String: StreamData] {
        let cluster = try SimulatedCluster(yaml: yaml, seed: 1)
        try cluster.run(milliseconds: patienceMilliseconds)
        return try cluster.dataset()
    }
}

/// What goes wrong in one random run, for a bounded time; everything follows from the seed.
struct Trouble {
    private static let roundMilliseconds: UInt64 = 1500
    private static let rounds = 8
    private let random: Philox

    init(_ seed: UInt64) { random = Philox(StreamKey(seed: seed, task: 7, repetition: 0, actor: 0)) }

    private func unit(_ round: Int, _ purpose: UInt32) -> Float {
        Philox.unit(random.words(.other, episode: UInt64(round), step: purpose).x)
    }

    private func pick(_ names: [String], _ round: Int, _ purpose: UInt32) -> String? {
        names.isEmpty ? nil : names[Int(unit(round, purpose) * Float(names.count)) % names.count]
    }

    var conditions: NetworkConditions {
        var conditions = NetworkConditions()
        conditions.delay = 1_000_000...UInt64(5_000_000 + 250_000_000 * unit(0, 100))
        conditions.dropped = 0.15 * unit(0, 101)
        conditions.duplicated = 0.15 * unit(0, 102)
        conditions.keepsOrder = unit(0, 103) < 0.7
        return conditions
    }

    /// Cuts, heals and kills, round after round; then lets the cluster come to its end in peace.
    func run(_ cluster: SimulatedCluster, kills: Bool) throws {
        for round in 1...Self.rounds {
            let names = cluster.nodes.keys.sorted()
            let all = Set(names + [SimulatedCluster.coordinatorName])
            if let name = pick(names, round, 0), unit(round, 1) < 0.4 {
                // From everybody, or from one other.
                let others =
                    unit(round, 2) < 0.5
                    ? all.subtracting([name]) : [pick(all.subtracting([name]).sorted(), round, 3) ?? ""]
                cluster.network.partition([name], from: others)
            }
            if unit(round, 4) < 0.5 { cluster.network.heal() }
            let mortals = names + [SimulatedCluster.coordinatorName]
            if kills, let name = pick(mortals, round, 5), unit(round, 6) < 0.35 { cluster.kill(name) }
            try cluster.run(milliseconds: UInt64(Float(Self.roundMilliseconds) * (0.05 + unit(round, 7))))
        }
        cluster.network.heal()
        cluster.network.conditions = NetworkConditions()
        try cluster.run(milliseconds: patienceMilliseconds)
    }
}
