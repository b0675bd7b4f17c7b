import Experience
import Foundation
import Histories
import Nodes
import Simulation
import TestSupport
import Testing
import Wire

@Suite("An elastic lifetime") struct ElasticityTests {
    private let seed = testSeed()

    private func experiment(_ episodes: Int) -> String {
        smallExperiment(lockstep: false, actors: 4, episodes: episodes)
            .replacingOccurrences(of: "  test_lifetimes: 0\n", with: "  test_lifetimes: 0\n  elastic: true\n")
            .replacingOccurrences(of: "  actor_processes: 2\n", with: "  actor_processes: 2\n  actors_per_process: 2\n")
    }

    private func scale(_ cluster: SimulatedCluster, to actors: Int, milliseconds: UInt64 = 5000) throws {
        cluster.inject(.scale(actors: actors), from: "client-1", to: SimulatedCluster.coordinatorName)
        try cluster.run(milliseconds: milliseconds)
    }

    /// Actors that are being carried now.
    private func carried(_ cluster: SimulatedCluster) -> Int {
        cluster.names(.actor).reduce(0) { $0 + Int(cluster.nodes[$1]?.role.numbers["actors"] ?? 0) }
    }

    @Test("takes in actors and lets them go while it is learnt, to none and back, and every stream is whole")
    func scale() throws {
        let cluster = try SimulatedCluster(yaml: experiment(20_000), seed: seed)
        try cluster.run(milliseconds: 3000)
        #expect(carried(cluster) == 4)
        for actors in [12, 3, 0, 7] {
            try scale(cluster, to: actors)
            #expect(carried(cluster) == actors, "DISTILLERY_TEST_SEED=\(seed)")
            #expect(cluster.names(.actor).count == (actors + 1) / 2, "DISTILLERY_TEST_SEED=\(seed)")
        }
        let before = cluster.acknowledged.values.reduce(0, +)
        try cluster.run(milliseconds: 3000)
        #expect(cluster.acknowledged.values.reduce(0, +) > before, "nothing is recorded any more")
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        try checkLateActors(cluster)
    }

    @Test("another coordinator knows what was scaled") func coordinator() throws {
        let cluster = try SimulatedCluster(yaml: experiment(20_000), seed: seed)
        try cluster.run(milliseconds: 3000)
        try scale(cluster, to: 7)
        cluster.kill(SimulatedCluster.coordinatorName)
        try cluster.run(milliseconds: 5000)
        #expect(carried(cluster) == 7, "DISTILLERY_TEST_SEED=\(seed)")
        try scale(cluster, to: 2)
        #expect(carried(cluster) == 2, "DISTILLERY_TEST_SEED=\(seed)")
    }

    @Test("comes to its end whatever dies while actors join and leave") func kills() throws {
        for run in 0..<20 {
            let seed = seed &+ UInt64(run)
            let cluster = try SimulatedCluster(yaml: experiment(3000), seed: seed)
            try cluster.run(milliseconds: 2000)
            for (actors, role) in [
                (9, RoleName.learner), (2, .actor), (6, .recorder), (0, .coordinator), (5, .learner),
            ] {
                try scale(cluster, to: actors, milliseconds: 300 + 100 * UInt64(run))
                let victim = role == .coordinator ? SimulatedCluster.coordinatorName : cluster.names(role).first
                if let victim { cluster.kill(victim) }
            }
            try cluster.run(milliseconds: 3000)
            // A learner dies with more actors than there is room for from now on.
            try scale(cluster, to: 12, milliseconds: 2000)
            if let learner = cluster.names(.learner).first { cluster.kill(learner) }
            try scale(cluster, to: 4)
            try cluster.run(milliseconds: patienceMilliseconds)
            try cluster.checkEnd(seed)
        }
    }

    @Test("all of whose actors have left is lived to its end by new ones, even after another start of the coordinator")
    func deserted() throws {
        let cluster = try SimulatedCluster(yaml: experiment(3000), seed: seed)
        try cluster.run(milliseconds: 2000)
        try scale(cluster, to: 0)
        #expect(carried(cluster) == 0, "DISTILLERY_TEST_SEED=\(seed)")
        cluster.kill(SimulatedCluster.coordinatorName)
        try cluster.run(milliseconds: 5000)
        try scale(cluster, to: 4)
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
    }

    /// Those that were not there from the beginning say so; those that left ended with a whole episode.
    private func checkLateActors(_ cluster: SimulatedCluster) throws {
        for file in try StreamFolder(path: cluster.folder).files {
            let contents = try StreamContents(path: file)
            #expect((contents.metadata.firstPolicyVersion > 0) == (contents.metadata.actor >= 4), "\(file)")
            #expect(contents.episodes.allSatisfy { $0.isFinished }, "\(file)")
        }
        let lived = try StreamFolder(path: cluster.folder).files.map { try StreamContents(path: $0).episodes.count }
        #expect(lived.max() == 20_000 && (lived.min() ?? 0) < 20_000)
    }
}
