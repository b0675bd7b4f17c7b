import Coordination
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Simulation
import TestSupport
import Testing
import Transport
import Wire

@Suite("A stream file is damaged behind the recorder's back") struct QuarantineTests {
    private let seed = testSeed()

    /// Damages the second stream when some of it is acknowledged, and runs to the end.
    private func run(_ vandalism: Vandalism, lockstep: Bool, recorderIsDead: Bool) throws -> SimulatedCluster {
        // Asynchronous actors do not wait for the network, and are soon at the end.
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: lockstep, episodes: lockstep ? 60 : 400), seed: seed)
        let victim = try self.victim(of: cluster)
        try cluster.run(milliseconds: patienceMilliseconds) { $0.acknowledged[victim] ?? 0 > 6 }
        // The acknowledgement has to arrive: who has had none sends all again, and nothing is missed.
        try cluster.run(milliseconds: 100)
        if recorderIsDead { cluster.kill(try #require(cluster.names(.recorder).first)) }
        try cluster.damage(victim, by: vandalism)
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        return cluster
    }

    private func victim(of cluster: SimulatedCluster) throws -> StreamIdentifier {
        let task = try #require(cluster.context.experiment.trainTasks(of: cluster.context.distribution).first)
        return StreamIdentifier(lifetime: LifetimeIdentifier(task: task, repetition: 0), actor: 1)
    }

    private func checkQuarantine(_ cluster: SimulatedCluster, leavesFile: Bool) throws {
        let victim = try victim(of: cluster)
        let path = "\(cluster.folder)/\(victim.path)"
        let reason = try #require(cluster.journal.quarantined[victim], "DISTILLERY_TEST_SEED=\(seed)")
        #expect(cluster.journal.quarantined.count == 1)
        #expect(cluster.coordinator.status(now: cluster.clock.now).quarantined.map(\.stream) == [victim.path])
        let mark = try #require(StreamQuarantine(of: path))
        #expect(mark.reason == reason)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(mark.movedTo == (leavesFile ? "actor-0001.h5.damaged" : ""))
        let folder = try StreamFolder(path: cluster.folder)
        #expect(folder.files.count == 2 && folder.quarantined == [path])
        #expect(StreamVerification(quarantined: path).problems.first?.contains(reason) == true)
    }

    @Test(
        "while it grows: that stream is quarantined and reported, and all others go on",
        arguments: [Vandalism.cut, .emptied, .overwritten, .flipped, .replaced, .madeAFolder], [true, false])
    func growing(vandalism: Vandalism, lockstep: Bool) throws {
        try checkQuarantine(run(vandalism, lockstep: lockstep, recorderIsDead: false), leavesFile: true)
    }

    @Test("a growing file that was deleted gets its name back, and nothing is lost", arguments: [true, false])
    func deleted(lockstep: Bool) throws {
        let cluster = try run(.deleted, lockstep: lockstep, recorderIsDead: false)
        #expect(cluster.journal.quarantined.isEmpty)
    }

    @Test(
        "while no recorder lives: what was acknowledged is missed, by whom it was acknowledged to",
        arguments: Vandalism.allCases, [true, false])
    func between(vandalism: Vandalism, lockstep: Bool) throws {
        try checkQuarantine(
            run(vandalism, lockstep: lockstep, recorderIsDead: true), leavesFile: vandalism != .deleted)
    }

    @Test("lockstep: what nobody alive was told of is missed by the learner's checkpoint") func lostEnd() throws {
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: true, episodes: 400, checkpointSeconds: 1), seed: seed)
        let victim = try victim(of: cluster)
        let file = URL(filePath: "\(cluster.folder)/\(victim.path)")
        try cluster.run(milliseconds: patienceMilliseconds) { $0.acknowledged[victim] ?? 0 > 6 }
        let earlier = try Data(contentsOf: file)
        try cluster.run(milliseconds: 4000)
        try #require(!cluster.coordinator.isFinished)
        for role in [RoleName.recorder, .actor, .learner] {
            for name in cluster.names(role) { cluster.kill(name) }
        }
        try earlier.write(to: file)
        cluster.noteDamage(to: victim)
        #expect(StreamVerification(path: file.path).isSound, "the test is to lose whole rollouts")
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        try checkQuarantine(cluster, leavesFile: true)
    }

    @Test("a quarantined stream stays so, whoever records and whoever carries it afterwards")
    func restarts() throws {
        let cluster = try SimulatedCluster(yaml: smallExperiment(lockstep: false, episodes: 4000), seed: seed)
        let victim = try victim(of: cluster)
        try cluster.run(milliseconds: patienceMilliseconds) { $0.acknowledged[victim] ?? 0 > 6 }
        try cluster.damage(victim, by: .replaced)
        try cluster.run(milliseconds: patienceMilliseconds) { !$0.journal.quarantined.isEmpty }
        for role in [RoleName.recorder, .actor, .recorder, .actor] {
            cluster.kill(try #require(cluster.names(role).first))
            try cluster.run(milliseconds: 3000)
        }
        #expect(!cluster.coordinator.isFinished)
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        try checkQuarantine(cluster, leavesFile: true)
    }
}
