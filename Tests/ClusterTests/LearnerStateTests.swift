import Cluster
import Environments
import Foundation
import Simulation
import Testing
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
                checkpoint: LearnerCheckpointStore.name(of: lifetime), file: LearnerCheckpointStore.file,
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
            #expect(try store.write(piece) == isLast)
            // The answer was lost, and it comes again.
            #expect(try store.write(piece) == isLast)
        }
        #expect(try stored(store) == state)
        try store.remove(lifetime)
        #expect(store.size(of: lifetime) == 0)
        #expect(
            try FileManager.default.subpathsOfDirectory(atPath: folder).allSatisfy { !$0.contains("learner.state") })
    }

    @Test("a lost, a foreign and a damaged piece are refused, and the state before stays")
    func refusals() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = LearnerCheckpointStore(folder: URL(fileURLWithPath: folder))
        let old = state(bytes: 3000)
        for piece in pieces(old, of: 1000) { try store.write(piece) }
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
