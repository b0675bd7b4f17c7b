import Coordination
import Experiments
import Foundation
import Wire

/// A cluster collects undisturbed, then another one while a random process of a random role is killed again and again:
/// what it costs, and that nothing is lost.
package struct CollectionDrill {
    private static let victims: [RoleName] = [.coordinator, .learner, .recorder, .actor]

    private let minutes: Double
    private let referenceMinutes: Double
    private let every: Double
    private let actors: Int
    private let processes: Int
    private let seed: UInt64

    /// - Parameters:
    ///   - minutes: of the disturbed collection.
    ///   - referenceMinutes: of the undisturbed one before it; 0 for none.
    ///   - every: seconds between two kills; 0 for none, to watch the memory of an undisturbed cluster.
    ///   - actors: of a lifetime.
    ///   - processes: actor processes.
    ///   - seed: of the choice of victims.
    package init(
        minutes: Double, referenceMinutes: Double, every: Double, actors: Int, processes: Int, seed: UInt64
    ) {
        self.minutes = minutes
        self.referenceMinutes = referenceMinutes
        self.every = every
        self.actors = actors
        self.processes = processes
        self.seed = seed
    }

    /// Takes `minutes`, `referenceMinutes` and the time in which all streams are verified and replayed. `folder`: of
    /// both runs. Throws where a cluster ends by itself.
    package func carryOut(in folder: String, _ monitor: BenchmarkMonitor) throws -> [BenchmarkResult] {
        var results: [BenchmarkResult] = []
        if referenceMinutes > 0 {
            results.append(
                try collect("undisturbed", folder + "/undisturbed", minutes: referenceMinutes, every: 0, monitor))
        }
        results.append(try collect("drill", folder + "/drill", minutes: minutes, every: every, monitor))
        if let calm = results.first?.rates[.transitions]?.first, results.count == 2,
            let disturbed = results[1].rates[.transitions]?.first
        {
            results[1].measured["percent_of_undisturbed"] = 100 * disturbed / calm
        }
        return results
    }

    private func collect(
        _ name: String, _ folder: String, minutes: Double, every: Double, _ monitor: BenchmarkMonitor
    ) throws -> BenchmarkResult {
        let cluster = try ClusterUnderDrill(try experiment(minutes: minutes), folder: folder, monitor)
        defer { cluster.stop() }
        try cluster.wait { $0.environmentSteps > 0 }
        let kills = RandomKills(name, cluster, seed: seed, every: every, roles: Self.victims)
        let seconds = try kills.carryOut(minutes: minutes)
        let findings = try StreamFindings(of: cluster)
        return BenchmarkResult(
            name: name,
            configuration: [
                "actors": .init(actors), "actor_processes": .init(processes), "kill_every_seconds": .number(every),
            ],
            rates: [.transitions: [Double(findings.transitions) / seconds]],
            measured: kills.numbers.merging(findings.numbers) { $1 }.merging(["seconds": seconds]) { $1 })
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
}
