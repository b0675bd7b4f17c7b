import Experiments
import Wire

/// A cluster collects undisturbed, then beside a peer that floods it with what must be refused, then beside one that
/// comes back under ever new names.
package struct HostileDrill {
    private let minutes: Double
    private let restlessMinutes: Double
    private let referenceMinutes: Double
    private let actors: Int
    private let processes: Int

    /// - Parameters:
    ///   - minutes: of the flood; growth of memory needs two.
    ///   - restlessMinutes: of the flood under ever new names; 0 for none.
    ///   - referenceMinutes: of the undisturbed collection before it.
    ///   - actors: of a lifetime.
    ///   - processes: actor processes.
    package init(
        minutes: Double, restlessMinutes: Double, referenceMinutes: Double, actors: Int, processes: Int
    ) {
        self.minutes = minutes
        self.restlessMinutes = restlessMinutes
        self.referenceMinutes = referenceMinutes
        self.actors = actors
        self.processes = processes
    }

    /// `folder`: of the run. Throws where a process of the cluster ends, or the peer does.
    package func carryOut(in folder: String, _ monitor: BenchmarkMonitor) throws -> [BenchmarkResult] {
        let cluster = try ClusterUnderDrill(try experiment(), folder: folder + "/hostile", monitor)
        defer { cluster.stop() }
        let siege = Siege(cluster)
        try siege.awaitWork(processes: processes)
        let undisturbed = try siege.watch("undisturbed", seconds: 60 * referenceMinutes)
        let calm = undisturbed.rates[.environmentSteps]?.first ?? 0
        var results = [
            undisturbed,
            try siege.flood("beside a hostile peer", [.reader, .deaf], seconds: 60 * minutes, calm: calm),
        ]
        guard restlessMinutes > 0 else { return results }
        results.append(
            try siege.flood(
                "beside one with ever new names", HostilePeer.Manner.allCases, seconds: 60 * restlessMinutes,
                calm: calm))
        return results
    }

    /// No lifetime ends meanwhile: two at once, of more steps than a machine takes in the time.
    private func experiment() throws -> Experiment {
        let steps = 2e6 * 60 * (minutes + restlessMinutes + referenceMinutes + 1)
        let episodes = 1 + Int(steps / 2 / 20 / Double(actors))
        return try Experiment(
            yaml: """
                name: hostile
                tasks: {train: 8}
                collect: {actors: \(actors), lifetimes: 1, test_lifetimes: 0, synchronization: asynchronous, \
                end: {episodes_per_actor: \(episodes)}}
                cluster: {learners: 1, lifetimes_per_learner: 2, actor_processes: \(processes)}
                """, file: "the experiment beside a hostile peer")
    }
}
