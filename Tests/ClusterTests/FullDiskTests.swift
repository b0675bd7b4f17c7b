import Catalog
import Coordination
import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Nodes
import Simulation
import TestSupport
import Testing
import Transport
import Wire

@Suite("A coordinator whose disk is full") struct FullDiskTests {
    private let full = CocoaError(.fileWriteOutOfSpace)
    private let seed = testSeed()

    @Test("says nothing of what it could not write down, answers signs of life, says why, and goes on with room")
    func withholds() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false, actors: 1, processes: 1))
        try lone.join(.recorder, "r")
        try lone.join(.actor, "a")
        lone.journal.failure = full
        try lone.join(.learner, "l")
        #expect(lone.coordinator.status(now: lone.now).waits.contains { $0.why.hasPrefix("room on the disk") })
        #expect(try lone.tick().isEmpty)
        #expect(isAcknowledged(try lone.say(.heartbeat(Heartbeat()), from: "a")))
        #expect(isAcknowledged(try lone.say(.heartbeat(Heartbeat()), from: "l")))
        let late = try lone.say(
            .hello(Hello(role: .actor, name: "b", host: "h", process: 2, endpoint: "", capacity: 0)), from: "b")
        #expect(isAcknowledged(late))
        let refusal = try #require(try lone.say(.scale(actors: 3), from: "client").first).envelope.message
        guard case .failure(let reason) = refusal else { throw ClusterError("\(refusal)") }
        #expect(reason.contains("room on the disk"))
        lone.journal.failure = nil
        #expect(try lone.tick().isEmpty, "it was tried again before its time")
        let welcome = try lone.tick(after: 1000)
        #expect(welcome.map(\.to) == ["l"], "the turn that was withheld")
        #expect(try lone.tick().count == 2, "a lifetime for learner and actor")
        #expect(lone.coordinator.status(now: lone.now).waits.isEmpty)
    }

    @Test("a report is not acknowledged before it is written down, and leases are known to the next coordinator")
    func reports() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false, actors: 1, processes: 1))
        for (role, name) in [(RoleName.recorder, "r"), (.actor, "a"), (.learner, "l")] { try lone.join(role, name) }
        lone.journal.failure = full
        #expect(try lone.tick().isEmpty, "a lease that no other coordinator would know of")
        #expect(lone.journal.attempts.isEmpty)
        lone.journal.failure = nil
        let leases = try lone.tick(after: 1000)
        let lease = try #require(
            leases.compactMap { if case .learnLifetime(let lease) = $0.envelope.message { lease } else { nil } }.first)
        let part = try #require(
            leases.compactMap { if case .carryActors(let part) = $0.envelope.message { part } else { nil } }.first)
        #expect(lone.journal.attempts == [lease.lifetime: lease.attempt])
        lone.journal.failure = full
        let finished = LifetimeFinished(lifetime: lease.lifetime, attempt: lease.attempt, numbers: [:])
        let carried = CarryingFinished(
            lifetime: lease.lifetime, firstActor: part.actors.lowerBound, incarnation: part.incarnation)
        #expect(isAcknowledged(try lone.say(.lifetimeFinished(finished), from: "l")), "nothing was to be written down")
        #expect(try lone.say(.carryingFinished(carried), from: "a").isEmpty)
        #expect(try lone.say(.carryingFinished(carried), from: "a").isEmpty)
        #expect(lone.journal.ended.isEmpty)
        lone.journal.failure = nil
        #expect(try lone.tick(after: 1000).contains { $0.to == "a" && isAcknowledged([$0]) })
        #expect(lone.journal.ended == [lease.lifetime])
    }

    private func isAcknowledged(_ answers: [(to: String, envelope: Envelope)]) -> Bool {
        guard answers.count == 1, case .acknowledgement = answers[0].envelope.message else { return false }
        return true
    }

    @Test("another failure is no matter of patience") func others() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false))
        lone.journal.failure = CocoaError(.fileReadNoPermission)
        #expect(throws: CocoaError.self) { try lone.join(.learner, "l") }
    }

    @Test(
        "a whole cluster waits longer than any patience, loses nothing and nobody, and ends", arguments: [true, false])
    func cluster(lockstep: Bool) throws {
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: lockstep, trainTasks: 6, episodes: 100), seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds) { $0.journal.ended.count >= 1 }
        cluster.journal.failure = full
        try cluster.run(milliseconds: 60_000)
        #expect(!cluster.isFinished && cluster.faults.isEmpty, "DISTILLERY_TEST_SEED=\(seed) \(cluster.faults)")
        #expect(isWaiting(cluster), "DISTILLERY_TEST_SEED=\(seed)")
        let ended = cluster.journal.ended.count
        // Who comes while there is no room waits to be taken in.
        cluster.kill(try #require(cluster.names(.actor).first))
        try cluster.run(milliseconds: 60_000)
        #expect(cluster.faults.isEmpty, "DISTILLERY_TEST_SEED=\(seed) \(cluster.faults)")
        #expect(cluster.journal.ended.count == ended)
        cluster.journal.failure = nil
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        #expect(!isWaiting(cluster))
    }

    @Test("a coordinator that dies while it waits has told nobody of anything that the next one does not know")
    func death() throws {
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: false, trainTasks: 6, episodes: 100), seed: seed)
        for count in 1...4 {
            try cluster.run(milliseconds: patienceMilliseconds) { $0.journal.ended.count >= count }
            cluster.journal.failure = full
            try cluster.run(milliseconds: 7000)
            cluster.kill(SimulatedCluster.coordinatorName)
            cluster.journal.failure = nil
            try cluster.run(milliseconds: 3000)
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
    }

    private func isWaiting(_ cluster: SimulatedCluster) -> Bool {
        cluster.coordinator.status(now: cluster.clock.now).waits.contains { $0.why.contains("room on the disk") }
    }
}

/// What is written on a disk that is really full.
@Suite("A small disk that is full", .enabled(if: SmallDisk.isPossible, "a tmpfs cannot be mounted here: it needs root"))
struct SmallDiskTests {
    private let folder: String
    private let disk: SmallDisk
    private let lifetime = LifetimeIdentifier(task: 1, repetition: 0)

    init() throws {
        folder = try makeTemporaryFolder()
        disk = try #require(SmallDisk(folder + "/disk", mebibytes: 8))
    }

    @Test("the catalogue takes a turn whole when there is room, and nothing of it before") func catalogue() throws {
        let context = try ExperimentContext(
            experiment: Experiment(yaml: smallExperiment(lockstep: false), file: "the test"), folder: disk.path)
        let path = disk.path + "/catalog.sqlite"
        let journal = try LedgerJournal(
            ledger: Ledger(path: path, mode: .create), context: context,
            folder: URL(fileURLWithPath: disk.path))
        let reader = try Ledger(path: path, mode: .read)
        let task = try #require(context.experiment.testTasks(of: context.distribution).first)
        try disk.fill()
        for turn in 1...3 {
            let job = EvaluationJob(
                job: 1, evaluation: "step-\(turn)-test", checkpoint: "step-\(turn)", task: task, seeds: 2,
                episodes: 2000, policy: .inContext(temperature: 1, clearContext: false), recorderEndpoint: "",
                incarnation: 0)
            try journal.lifetimeStarted(lifetime, attempt: UInt64(turn), learner: "learner", actors: 2)
            try journal.checkpointStored("step-\(turn)", numbers: [:])
            try journal.evaluated(job, split: .test, returns: (0..<4000).map { Float($0) })
            for _ in 0..<2 {
                do {
                    try journal.commit()
                    Issue.record("there was room")
                } catch { #expect(isLackOfRoom(error), "\(error)") }
            }
            #expect(try reader.lifetimes().map(\.attempt) == (turn == 1 ? [] : [turn - 1]))
            disk.makeRoom()
            try journal.commit()
            #expect(try reader.lifetimes().map(\.attempt) == [turn])
            #expect(try reader.evaluationReturns().count == turn)
            let summary = "\(disk.path)/evaluations/step-\(turn)-test/summary.csv"
            #expect(try String(contentsOfFile: summary, encoding: .utf8).split(separator: "\n").count == 4001)
            try disk.fill()
        }
    }

    @Test("a checkpoint appears only whole, and the one before it stays") func checkpoints() throws {
        let store = CheckpointStore(folder: URL(fileURLWithPath: disk.path + "/distiller"))
        let content = [UInt8](repeating: 7, count: 1 << 20)
        func piece(_ file: String, _ offset: Int, last: Bool) -> CheckpointPiece {
            CheckpointPiece(
                checkpoint: "step-1", file: file, offset: UInt64(offset), size: UInt64(2 * content.count),
                checksum: content.withUnsafeBytes { CRC32C.of($0) }, content: content, last: last)
        }
        func isRefused(_ piece: CheckpointPiece) -> Bool {
            do { return try store.write(piece) && false } catch { return isLackOfRoom(error) }
        }
        _ = try store.write(piece(Checkpoint.configFile, 0, last: false))
        try disk.fill()
        #expect(isRefused(piece(Checkpoint.configFile, content.count, last: false)))
        #expect(isRefused(piece(Checkpoint.configFile, content.count, last: false)))
        disk.makeRoom()
        _ = try store.write(piece(Checkpoint.configFile, content.count, last: false))
        _ = try store.write(piece(Checkpoint.modelFile, 0, last: false))
        try disk.fill()
        #expect(isRefused(piece(Checkpoint.modelFile, content.count, last: true)) && store.names.isEmpty)
        disk.makeRoom()
        #expect(try store.write(piece(Checkpoint.modelFile, content.count, last: true)))
        #expect(store.names == ["step-1"])
        let model = disk.path + "/distiller/step-1/" + Checkpoint.modelFile
        #expect(try Data(contentsOf: URL(filePath: model)) == Data(content + content))
    }

    @Test("a learner's state takes the place of the one before it only whole") func learner() throws {
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: disk.path + "/learner"))
        func checkpoint(_ filling: UInt8) -> LearnerCheckpoint {
            var state = [UInt8](repeating: filling, count: 1 << 20)
            withUnsafeBytes(of: state.withUnsafeBytes { CRC32C.of($0) }.littleEndian) { state += $0 }
            return LearnerCheckpoint(lifetime: lifetime, attempt: 1, version: UInt64(filling), state: state)
        }
        func stored() throws -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < store.size(of: lifetime) {
                let request = CheckpointRequest(
                    checkpoint: LearnerStateFile.name(of: lifetime), file: LearnerStateFile.file,
                    offset: UInt64(bytes.count))
                bytes += try #require(try store.read(request)).content
            }
            return bytes
        }
        try store.write(checkpoint(1))
        #expect(store.takeEnded().count == 1)
        try disk.fill()
        #expect(throws: ClusterError.self) { try store.write(checkpoint(2)) }
        #expect(try stored() == checkpoint(1).state)
        disk.makeRoom()
        try store.write(checkpoint(2))
        #expect(store.takeEnded().allSatisfy { $0.problem == nil })
        #expect(try stored() == checkpoint(2).state)
    }
}
