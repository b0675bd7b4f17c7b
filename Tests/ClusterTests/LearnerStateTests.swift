import Coordination
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

@Suite("A learner's state in pieces") struct LearnerStateTests {
    private let lifetime = LifetimeIdentifier(task: 7, repetition: 1)
    private let folder: String

    init() throws { folder = try makeTemporaryFolder() }

    /// As learners make it: whatever it holds, then its checksum.
    private func state(bytes: Int) -> [UInt8] {
        var state = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        withUnsafeBytes(of: state.withUnsafeBytes { CRC32C.of($0) }.littleEndian) { state += $0 }
        return state
    }

    private func pieces(_ state: [UInt8], of bytes: Int, version: UInt64 = 1) -> [LearnerCheckpoint] {
        stride(from: 0, to: state.count, by: bytes).map {
            LearnerCheckpoint(
                lifetime: lifetime, attempt: 1, version: version,
                state: Array(state[$0..<min(state.count, $0 + bytes)]),
                offset: UInt64($0), size: UInt64(state.count))
        }
    }

    private func stored(_ store: LearnerCheckpointStore) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < store.size(of: lifetime) {
            let request = CheckpointRequest(
                checkpoint: LearnerStateFile.name(of: lifetime), file: LearnerStateFile.file,
                offset: UInt64(bytes.count))
            bytes += try #require(try store.read(request)).content
        }
        return bytes
    }

    @Test(
        "one larger than any message is stored and read again whole, however its end falls into pieces",
        arguments: [0, 1, 2, 3, 4, 5, 1000])
    func large(rest: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: folder))
        let state = state(bytes: (4 << 20) + rest)
        let pieces = pieces(state, of: 1 << 20)
        for piece in pieces {
            let isLast = piece.offset + UInt64(piece.state.count) == piece.size
            #expect(try store.write(piece) == (isLast ? .underWay : .taken))
            #expect(try store.takeEnded().map { try isStored($0) } == (isLast ? [true] : []))
            // The answer was lost, and it comes again.
            #expect(try store.write(piece) == (isLast ? .stored : .taken))
        }
        #expect(try stored(store) == state)
        try store.remove(lifetime)
        #expect(store.size(of: lifetime) == 0)
        #expect(
            try FileManager.default.subpathsOfDirectory(atPath: folder).allSatisfy { !$0.contains("learner.state") })
    }

    private func isStored(_ end: LearnerCheckpointStore.Ended) throws -> Bool {
        #expect(end.lifetime == lifetime)
        return end.problem == nil
    }

    @Test("one counts as stored when the disk says so, not before; meanwhile the one before it is there")
    func slowDisk() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let disk = SlowDisk()
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: folder), disk: disk)
        let old = state(bytes: 3000)
        for piece in pieces(old, of: 1000) { try store.write(piece) }
        disk.carryOut()
        #expect(store.takeEnded().map(\.lifetime) == [lifetime])
        let new = pieces(state(bytes: 5000), of: 1000, version: 2)
        for piece in new.dropLast() { #expect(try store.write(piece) == .taken) }
        let last = try #require(new.last)
        // Sent again, since nothing has acknowledged it.
        for _ in 0..<2 { #expect(try store.write(last) == .underWay) }
        #expect(store.takeEnded().isEmpty && store.isUnderWay(lifetime))
        #expect(try stored(store) == old)
        #expect(throws: ClusterError.self, "the next one waits for it") {
            try store.write(pieces(old, of: 1000, version: 3)[0])
        }
        disk.carryOut()
        #expect(store.takeEnded().count == 1 && !store.isUnderWay(lifetime))
        #expect(try stored(store) == new.flatMap(\.state))
        #expect(try store.write(last) == .stored)
    }

    @Test("one that is removed on its way to the disk is not there afterwards")
    func removedUnderWay() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let disk = SlowDisk()
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: folder), disk: disk)
        let pieces = pieces(state(bytes: 3000), of: 1000)
        for piece in pieces { try store.write(piece) }
        try store.remove(lifetime)
        #expect(throws: ClusterError.self) { try store.write(pieces[0]) }
        disk.carryOut()
        #expect(store.takeEnded().allSatisfy { $0.problem == nil } && !store.isUnderWay(lifetime))
        #expect(store.size(of: lifetime) == 0 && states(folder).isEmpty)
        // Lived from its beginning again, it has the same numbers again.
        for piece in pieces { try store.write(piece) }
        disk.carryOut()
        #expect(store.takeEnded().count == 1 && store.size(of: lifetime) == 3004)
    }

    @Test("a thread of its own carries work out in order, and says of each how it ended")
    func thread() {
        let disk = DiskThread()
        let first = disk.begin { Thread.sleep(forTimeInterval: 0.05) }
        let second = disk.begin { throw ClusterError("no such disk") }
        var ended: [EndedDiskWork] = []
        let deadline = ContinuousClock.now + .seconds(60)
        while ended.count < 2, ContinuousClock.now < deadline {
            ended += disk.takeEnded()
            Thread.sleep(forTimeInterval: 0.005)
        }
        #expect(ended.map(\.number) == [first, second] && ended.map { $0.error == nil } == [true, false])
        #expect(disk.takeEnded().isEmpty)
    }

    @Test("a coordinator whose disk takes seconds answers everybody, and acknowledges a state when it is there")
    func coordinatorWithSlowDisk() throws {
        let disk = SlowDisk()
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: false, episodes: 4000, checkpointSeconds: 1), seed: 5, disk: disk)
        let folder = cluster.folder + "/checkpoints/learner"
        try cluster.run(milliseconds: patienceMilliseconds) { _ in disk.waiting > 0 }
        let learner = try #require(cluster.names(.learner).first)
        // Longer than silence is borne, and than a lost piece takes to be sent again.
        try cluster.run(milliseconds: 10_000)
        #expect(disk.waiting == 1 && states(folder).allSatisfy { $0.hasSuffix(".partial") })
        #expect(
            cluster.names(.learner) == [learner] && cluster.coordinator.status(now: cluster.clock.now).givenUp == nil)
        // Its lifetime waits for the state, and goes on from it.
        cluster.kill(learner)
        try cluster.run(milliseconds: 10_000)
        #expect(cluster.names(.learner).count == 1)
        var versions: [UInt64] = []
        cluster.onSend = { bytes, sender in
            guard sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: bytes),
                case .rolloutAnswer(let answer) = envelope.message
            else { return }
            versions.append(answer.version)
        }
        disk.isSlow = false
        try cluster.run(milliseconds: patienceMilliseconds)
        #expect(try #require(versions.first) > 0)
        try cluster.checkEnd(5)
        #expect(states(folder).isEmpty)
    }

    @Test("a learner's state larger than one message is left behind and gone on from", arguments: [true, false])
    func largeThroughTheCluster(lockstep: Bool) throws {
        // Asynchronous actors do not wait for the network, and are soon at the end.
        let yaml = smallExperiment(lockstep: lockstep, episodes: lockstep ? 120 : 400, checkpointSeconds: 1)
            .replacing("hidden: [8]", with: "hidden: [320, 320]")
        let cluster = try SimulatedCluster(yaml: yaml, seed: 11)
        let task = try #require(cluster.context.experiment.trainTasks(of: cluster.context.distribution).first)
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: cluster.folder + "/checkpoints/learner"))
        let lifetime = LifetimeIdentifier(task: task, repetition: 0)
        try cluster.run(milliseconds: patienceMilliseconds) { _ in store.size(of: lifetime) > 0 }
        #expect(store.size(of: lifetime) > UInt64(WireProtocol.checkpointPieceBytes))
        let planned = try ExperimentPlan.largestLearnerState(
            cluster.context.experiment, cluster.context.distribution.environment)
        #expect(store.size(of: lifetime) <= UInt64(planned))
        var asked: Set<UInt64> = []
        var versions: [UInt64] = []
        cluster.kill(try #require(cluster.names(.learner).first))
        cluster.onSend = { bytes, sender in
            guard sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: bytes) else { return }
            switch envelope.message {
            case .checkpointRequest(let request): asked.insert(request.offset)
            case .rolloutAnswer(let answer): versions.append(answer.version)
            default: break
            }
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        #expect(asked.isSuperset(of: [0, UInt64(WireProtocol.checkpointPieceBytes)]))
        #expect(try #require(versions.first) > 0, "it went on from the state")
        try cluster.checkEnd(11)
    }

    @Test("in lockstep a state waits until all before it is on disk, and a later one does not take its place")
    func waitingCandidate() throws {
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: true, episodes: 2000, checkpointSeconds: 1), seed: 7)
        var isHeard = true
        var versions: [UInt64] = []
        var updates: UInt64 = 0
        // Actors begin when the recorder has answered; then what it calls durable is lost for a while.
        cluster.tamper = { item, sender in
            !isHeard && sender.hasPrefix("recorder") && isDurable(item.bytes) ? [] : [item]
        }
        cluster.onSend = { bytes, sender in
            guard sender.hasPrefix("learner"), let envelope = try? Envelope(decoding: bytes) else { return }
            switch envelope.message {
            case .learnerCheckpoint(let checkpoint): versions.append(checkpoint.version)
            case .rolloutAnswer(let answer): updates = max(updates, answer.version)
            default: break
            }
        }
        try cluster.run(milliseconds: patienceMilliseconds) { _ in updates > 0 }
        isHeard = false
        try cluster.run(milliseconds: 2000)
        let atFirst = updates
        try cluster.run(milliseconds: 4000)
        #expect(versions.isEmpty && updates > atFirst, "\(versions), \(updates) updates, \(atFirst) at first")
        isHeard = true
        try cluster.run(milliseconds: patienceMilliseconds) { _ in !versions.isEmpty }
        #expect(try #require(versions.first) <= atFirst, "the first that was wanted")
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(7)
    }

    /// Whether a recorder's message says what is on the disk.
    private func isDurable(_ bytes: [UInt8]) -> Bool {
        switch (try? Envelope(decoding: bytes))?.message {
        case .rolloutsDurable, .streamsOpened: true
        default: false
        }
    }

    @Test("a lost, a foreign and a damaged piece are refused, and the state before stays")
    func refusals() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: folder))
        let old = state(bytes: 3000)
        for piece in pieces(old, of: 1000) { try store.write(piece) }
        #expect(store.takeEnded().count == 1)
        let new = pieces(state(bytes: 5000), of: 1000, version: 2)
        #expect(throws: ClusterError.self) { try store.write(new[1]) }
        try store.write(new[0])
        #expect(throws: ClusterError.self) { try store.write(new[2]) }
        var damaged = new[5]
        damaged.state[0] ^= 1
        for piece in new[..<5] { try store.write(piece) }
        #expect(throws: ClusterError.self) { try store.write(damaged) }
        var endless = new[0]
        endless.size = LearnerCheckpointStore.sizeLimitBytes + 1
        #expect(throws: ClusterError.self) { try store.write(endless) }
        #expect(try stored(store) == old)
        for piece in new { try store.write(piece) }
        #expect(store.takeEnded().count == 1)
        #expect(try stored(store).count == 5004)
    }

    @Test("lifetimes that have ended leave no learner's state behind", arguments: [true, false])
    func ended(lockstep: Bool) throws {
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: lockstep, episodes: 400, checkpointSeconds: 1), seed: 3)
        let folder = cluster.folder + "/checkpoints/learner"
        var hadOne = false
        try cluster.run(milliseconds: patienceMilliseconds) { _ in
            hadOne = hadOne || !states(folder).isEmpty
            return false
        }
        try cluster.checkEnd(3)
        #expect(hadOne && states(folder).isEmpty)
    }

    private func states(_ folder: String) -> [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []).filter { $0.contains("learner.state") }
    }
}
