import Collecting
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Simulation
import TestSupport
import Testing
import Wire

@Suite("A process of a cluster dies") struct KillTests {
    private let seed = testSeed()

    /// Runs until some transitions are acknowledged, kills, and runs to the end.
    private func kill(
        _ role: RoleName, lockstep: Bool, rolloutLength: Int = 3, episodes: Int = 60, yaml: String? = nil
    ) throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(
            yaml: yaml ?? smallExperiment(lockstep: lockstep, episodes: episodes, rolloutLength: rolloutLength),
            seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds) {
            $0.acknowledged.count == 3 && $0.acknowledged.values.allSatisfy { $0 > 3 }
        }
        let victim =
            role == .coordinator ? SimulatedCluster.coordinatorName : try #require(cluster.names(role).first)
        let acknowledged = cluster.acknowledged
        cluster.kill(victim)
        if role == .recorder {
            // What was acknowledged is on the disk at this very moment.
            for (stream, next) in acknowledged where next > 0 {
                let contents = try StreamContents(path: "\(cluster.folder)/\(stream.path)")
                #expect(UInt64(contents.rollouts.count) >= next, "DISTILLERY_TEST_SEED=\(seed)")
            }
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        return cluster
    }

    @Test("an actor process: others go on with its streams as a new incarnation, behind what is durable")
    func actorAsynchronous() throws {
        // So many that the recorder has not all of them when the first are durable.
        let episodes = 300
        let cluster = try kill(.actor, lockstep: false, episodes: episodes)
        let gaps = try StreamFolder(path: cluster.folder).files.map { StreamVerification(path: $0).gaps }
        #expect(gaps.contains { !$0.isEmpty }, "DISTILLERY_TEST_SEED=\(seed)")
        for gap in gaps.joined() {
            #expect(gap.incarnations[0] < gap.incarnations[1])
            #expect(gap.policyVersions[0] <= gap.policyVersions[1])
            #expect(gap.episodes[0] <= gap.episodes[1])
        }
        for file in try StreamFolder(path: cluster.folder).files {
            let lived = try StreamContents(path: file).episodes
            #expect(lived.count { $0.isFinished } >= episodes - 1)
        }
    }

    @Test(
        "lockstep: the lifetime is lived again, and the files are those of an undisturbed run",
        arguments: [RoleName.actor, .learner, .recorder, .coordinator], [3, 4])
    func lockstep(role: RoleName, rolloutLength: Int) throws {
        let cluster = try kill(role, lockstep: true, rolloutLength: rolloutLength)
        let undisturbed = try SimulatedCluster(
            yaml: smallExperiment(lockstep: true, episodes: 60, rolloutLength: rolloutLength), seed: seed)
        try undisturbed.run(milliseconds: patienceMilliseconds)
        #expect(try cluster.dataset() == undisturbed.dataset(), "DISTILLERY_TEST_SEED=\(seed)")
    }

    @Test(
        "lockstep with a replay: it comes back with the learner, and the files are those of an undisturbed run",
        arguments: [RoleName.actor, .learner, .coordinator])
    func lockstepWithReplay(role: RoleName) throws {
        let yaml = smallExperiment(
            lockstep: true, episodes: 200, rolloutLength: 4, checkpointSeconds: 1, source: smallQLambda)
        let cluster = try kill(role, lockstep: true, yaml: yaml)
        let undisturbed = try SimulatedCluster(yaml: yaml, seed: seed)
        try undisturbed.run(milliseconds: patienceMilliseconds)
        #expect(try cluster.dataset() == undisturbed.dataset(), "DISTILLERY_TEST_SEED=\(seed)")
    }

    @Test(
        "lockstep from pictures: what is drawn, moments and running statistics come back, and the files are those of an undisturbed run",
        arguments: [RoleName.actor, .learner, .coordinator])
    func lockstepFromPictures(role: RoleName) throws {
        let yaml = smallExperiment(
            lockstep: true, episodes: 120, rolloutLength: 4, checkpointSeconds: 1, source: smallQLambdaOnPictures,
            environment: smallWatermaze, model: ", encoder: {kind: resnet, channels: [2], blocks: 1, units: 4}")
        let cluster = try kill(role, lockstep: true, yaml: yaml)
        let undisturbed = try SimulatedCluster(yaml: yaml, seed: seed)
        try undisturbed.run(milliseconds: patienceMilliseconds)
        #expect(try cluster.dataset() == undisturbed.dataset(), "DISTILLERY_TEST_SEED=\(seed)")
        for file in try StreamFolder(path: cluster.folder).files {
            #expect(try StreamContents(path: file).metadata.environment.stored.name == "states")
        }
    }

    @Test("the recorder: another one takes the files up, and no stream has a gap") func recorder() throws {
        let cluster = try kill(.recorder, lockstep: false)
        for file in try StreamFolder(path: cluster.folder).files {
            #expect(StreamVerification(path: file).gaps.isEmpty, "DISTILLERY_TEST_SEED=\(seed)")
        }
    }

    @Test(
        "the learner, or the coordinator: the lifetime goes on from its learner's last checkpoint, its streams behind what is on disk as new incarnations",
        arguments: [RoleName.learner, .coordinator]) func taken(role: RoleName) throws
    {
        // Long enough for the nodes to notice that the coordinator is another one.
        let cluster = try kill(role, lockstep: false, episodes: 3000)
        #expect(cluster.journal.ended.count == 1)
        for file in try StreamFolder(path: cluster.folder).files {
            let contents = try StreamContents(path: file)
            let verification = StreamVerification(path: file)
            #expect(verification.gaps.count <= 1, "DISTILLERY_TEST_SEED=\(seed)")
            #expect(Set(contents.rollouts.map(\.incarnation)).count == 2, "DISTILLERY_TEST_SEED=\(seed)")
            #expect(contents.episodes.count { $0.isFinished } >= 3000 - 1)
        }
    }

    /// A lifetime that lasts for some checkpoints. On pictures its learner has a replay.
    private func longExperiment(lockstep: Bool, onPictures: Bool) -> String {
        guard onPictures else { return smallExperiment(lockstep: lockstep, episodes: 4000, checkpointSeconds: 1) }
        return smallExperiment(
            lockstep: lockstep, episodes: 2500, checkpointSeconds: 1, source: smallQLambdaOnPictures,
            environment: smallWatermaze, model: ", encoder: {kind: resnet, channels: [2], blocks: 1, units: 4}")
    }

    @Test(
        "a learner that is killed after its checkpoint goes on from there, with its replay where it has one",
        arguments: [true, false], [false, true])
    func checkpoint(lockstep: Bool, onPictures: Bool) throws {
        let yaml = longExperiment(lockstep: lockstep, onPictures: onPictures)
        let cluster = try SimulatedCluster(yaml: yaml, seed: seed)
        let task = try #require(cluster.context.experiment.trainTasks(of: cluster.context.distribution).first)
        let file = cluster.folder + "/checkpoints/learner/task-\(padded(task, 5))/lifetime-000/learner.state"
        try cluster.run(milliseconds: patienceMilliseconds) { _ in FileManager.default.fileExists(atPath: file) }
        try #require(!cluster.isFinished, "no checkpoint was written in \(cluster.seconds) s")
        try cluster.run(milliseconds: 300)
        let learner = try #require(cluster.names(.learner).first)
        cluster.kill(learner)
        cluster.forgetVersions()
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        let lowest = try #require(cluster.versions.min())
        #expect(lowest > 0, "it was begun anew; DISTILLERY_TEST_SEED=\(seed)")
        guard lockstep else { return }
        let undisturbed = try SimulatedCluster(yaml: yaml, seed: seed)
        try undisturbed.run(milliseconds: patienceMilliseconds)
        #expect(try cluster.dataset() == undisturbed.dataset(), "DISTILLERY_TEST_SEED=\(seed)")
    }

    @Test("a node that was cut off for longer than the coordinator waits makes room for another")
    func silence() throws {
        let cluster = try SimulatedCluster(yaml: smallExperiment(lockstep: false, episodes: 8000), seed: seed)
        try cluster.run(milliseconds: 2000)
        for role in [RoleName.actor, .recorder] {
            let name = try #require(cluster.names(role).first)
            cluster.network.partition([name], from: [SimulatedCluster.coordinatorName])
            try cluster.run(milliseconds: 7000)
            cluster.network.heal()
            try cluster.run(milliseconds: 3000)
            #expect(cluster.isFinished || !cluster.names(role).contains(name))
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
    }

    @Test("an actor process that cannot reach its learner says so and ends; those that only wait for its actors stay")
    func cutFromLearner() throws {
        let yaml = smallExperiment(lockstep: true, episodes: 1500)
        let cluster = try SimulatedCluster(yaml: yaml, seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds) { $0.acknowledged.values.contains { $0 > 3 } }
        let actors = cluster.names(.actor)
        let victim = try #require(actors.first)
        cluster.network.partition([victim], from: Set(cluster.names(.learner)))
        try cluster.run(milliseconds: ActorRole.learnerSilenceMilliseconds - 2000)
        #expect(cluster.faults.isEmpty && cluster.names(.actor) == actors, "DISTILLERY_TEST_SEED=\(seed)")
        try cluster.run(milliseconds: 4000)
        let said = cluster.faults.first ?? ""
        #expect(said.contains(victim) && said.contains("no word from the learner at sim:learner"), "\(said)")
        try cluster.run(milliseconds: patienceMilliseconds)
        #expect(cluster.isFinished && cluster.faults.count == 1, "\(cluster.faults)")
        let undisturbed = try SimulatedCluster(yaml: yaml, seed: seed)
        try undisturbed.run(milliseconds: patienceMilliseconds)
        #expect(try cluster.dataset() == undisturbed.dataset(), "DISTILLERY_TEST_SEED=\(seed)")
    }
}
