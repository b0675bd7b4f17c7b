import Coordination
import Experience
import Foundation
import Simulation
import TestSupport
import Testing
import Transport
import Wire

@Suite("The status of a cluster") struct StatusTests {
    private let seed = testSeed()

    /// A cluster at work for a few seconds.
    private func cluster(_ yaml: String? = nil) throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(
            yaml: yaml ?? smallExperiment(lockstep: false, actors: 6, episodes: 100_000), seed: seed)
        try cluster.run(milliseconds: 4000)
        return cluster
    }

    private func status(_ cluster: SimulatedCluster) -> ClusterStatus {
        cluster.coordinator.status(now: cluster.clock.now)
    }

    @Test("comes out of its document as it went in, with leases, parts, speeds and nobody waiting") func document()
        throws
    {
        let status = status(try cluster())
        #expect(try ClusterStatus(json: status.json(pretty: false)) == status)
        #expect(try ClusterStatus(json: status.json(pretty: true)) == status)
        #expect(try status.json(pretty: false).contains("\n") == false)

        let lease = try #require(status.leases.first)
        #expect(status.leases.count == 1 && lease.actors == 6 && lease.attempt == 1 && lease.seconds > 2)
        #expect(lease.learner.hasPrefix("learner") && lease.updates ?? 0 > 0 && lease.transitions ?? 0 > 0)
        #expect(lease.parts.count == 2 && lease.parts.reduce(0) { $0 + $1.actors } == 6)
        for part in lease.parts {
            #expect(part.phase == "running" && part.unansweredLimit ?? 0 >= 2 && part.unacknowledgedBytes != nil)
            #expect(status.nodes.contains { $0.name == part.node && $0.role == .actor })
        }
        for node in status.nodes {
            #expect(node.ageSeconds > 2 && node.waitingFor.isEmpty && node.stepsPerSecond > 0, "\(node)")
        }
        #expect(status.waits.isEmpty, "\(status.waits)")
    }

    @Test("says that actors wait for the learner that they cannot reach, for how long, and what it misses")
    func partitionedLearner() throws {
        let cluster = try cluster()
        let learner = try #require(cluster.names(.learner).first)
        cluster.network.partition([learner], from: Set(cluster.names(.actor)))
        try cluster.run(milliseconds: 4500)
        let status = status(cluster)
        for name in cluster.names(.actor) {
            let wait = try #require(status.waits.first { $0.who == name }, "\(status.waits)")
            #expect(wait.whom == learner && wait.seconds >= 3 && wait.seconds < 6, "\(wait)")
            #expect(wait.why.contains(/^(\d+) of \1 rollouts of actors/) && wait.why.contains("unanswered"), "\(wait)")
        }
        let wait = try #require(status.waits.first { $0.who == learner }, "\(status.waits)")
        #expect(wait.why.contains("rollouts of task") && wait.seconds >= 3, "\(wait)")
        #expect(status.leases.first?.parts.allSatisfy { $0.unansweredRollouts == $0.unansweredLimit } == true)

        cluster.network.heal()
        try cluster.run(milliseconds: 4000)
        #expect(self.status(cluster).waits.isEmpty, "\(self.status(cluster).waits)")
    }

    @Test("says of a learner that is silent when it will be gone, and then that the run waits for another")
    func silentLearner() throws {
        let cluster = try cluster()
        let learner = try #require(cluster.names(.learner).first)
        cluster.network.partition([learner], from: Set(cluster.names(.actor)).union([SimulatedCluster.coordinatorName]))
        try cluster.run(milliseconds: 4000)
        let silence = try #require(status(cluster).waits.first { $0.who == "the run" }, "\(status(cluster).waits)")
        #expect(silence.whom == learner && silence.why.contains("gone after 5 s"), "\(silence)")
        #expect(status(cluster).waits.contains { $0.who.hasPrefix("actor") && $0.why.contains("silent for") })
        try cluster.run(milliseconds: 4000)
        let lack = try #require(status(cluster).waits.first { $0.who == "the run" }, "\(status(cluster).waits)")
        #expect(lack.why.contains("a learner for 1 lifetime; there is none") && lack.seconds >= 1, "\(lack)")
    }

    @Test("says that actors wait for the recorder that they cannot reach, and how much is unacknowledged")
    func unreachableRecorder() throws {
        let small = smallExperiment(lockstep: false, actors: 60, episodes: 100_000, rolloutLength: 20)
            .replacingOccurrences(
                of: "  actor_processes: 2\n", with: "  actor_processes: 2\n  unacknowledged_bytes: 1048576\n")
        let cluster = try cluster(small)
        let recorder = try #require(cluster.names(.recorder).first)
        cluster.network.partition([recorder], from: Set(cluster.names(.actor)))
        try cluster.run(milliseconds: 8000)
        let wait = try #require(status(cluster).waits.first { $0.who.hasPrefix("actor") }, "\(status(cluster).waits)")
        #expect(wait.whom == recorder && wait.why.contains("of 1 MiB unacknowledged"), "\(wait)")
    }

    @Test("names what a run lacks that has nobody to do its work") func lacks() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false, actors: 6))
        func lacks() throws -> [String] {
            for _ in 0..<3 { _ = try lone.tick(after: 1000) }
            return lone.coordinator.status(now: lone.now).waits.map(\.why)
        }
        #expect(try lacks() == ["a recorder; there is none"])
        try lone.join(.recorder, "r")
        #expect(try lacks().contains("a learner for 1 lifetime; there is none"))
        try lone.join(.learner, "l")
        try lone.join(.actor, "a")
        _ = try lone.say(.heartbeat(Heartbeat()), from: "r")
        let last = try lacks()
        #expect(last.contains { $0.contains("room for 6 actors of task") }, "\(last)")
    }
}
