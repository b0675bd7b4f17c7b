import Agents
import Experience
import Foundation
import Nodes
import Wire

/// Everything that the next update of a lifetime depends on, as a learner leaves it behind and takes it up again:
/// how far the lifetime is (`LifetimeProgress`), the returns of unfinished episodes, counts for reports and, in
/// lockstep, the places at which the actors go on and the rollouts that wait for an update.
///
/// Bytes: the length of the first part as UInt32, little-endian; the first part, JSON; the source learner's own
/// state; CRC-32C of all before it as UInt32. They are written by a learner, kept by the coordinator and read by
/// the next learner.
struct LearnerState: Codable {
    /// The number of the layout that this program writes and reads; it refuses others.
    private static let currentLayout = 3

    /// Read before the rest, so that a state of another layout is refused by its number and not by a missing key.
    private struct Layout: Decodable {
        let layout: Int
    }

    /// The number of this layout, in the JSON of every state.
    private var layout = LearnerState.currentLayout
    /// How many episodes each actor has lived, and whether the algorithm has converged: when the lifetime ends.
    var progress: LifetimeProgress
    /// Returns of the episodes that each actor is in, which a rollout may cut at any step.
    var returns: EpisodeReturns
    /// What was counted since the first attempt: reports of a lifetime do not begin anew with its learner.
    var counts: LearningCounts
    /// Returns of the last episodes; `nextRecent` is the oldest.
    var recent: [Double] = []
    var nextRecent = 0
    /// In lockstep, the place at which each actor goes on; empty otherwise.
    var places: [RolloutAnswer.Place]
    /// In lockstep, rollouts that had come and were not learnt from, each batch as an envelope; nil for none. Otherwise
    /// they are lost with the learner that had them.
    var waiting: [Data]?

    /// The state of a lifetime that begins.
    init(progress: LifetimeProgress, places: [RolloutAnswer.Place]) {
        self.progress = progress
        self.places = places
        returns = EpisodeReturns()
        counts = LearningCounts()
    }

    /// The bytes of this state and of the source learner's own, whose size may be anything.
    func encoded(with learner: any SourceLearner) throws -> [UInt8] {
        let description = try JSONEncoder().encode(self)
        let saved = learner.save()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(description.count + saved.count + 8)
        withUnsafeBytes(of: UInt32(description.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: description)
        bytes.append(contentsOf: saved)
        let checksum = bytes.withUnsafeBytes { CRC32C.of($0) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// The rollouts that wait, which travel as they came. Nil where none wait, which leaves the key out of the JSON.
    static func encoded(_ waiting: [RolloutBatch]) -> [Data]? {
        guard !waiting.isEmpty else { return nil }
        return waiting.map {
            Data(Envelope(.rollouts(Rollouts(attempt: 0, firstActor: 0, batch: 0, content: $0))).encoded())
        }
    }

    /// Takes the rollouts that wait out of the state. Throws `ClusterError`, `WireError` or `RolloutError` for what are
    /// none of this lifetime's.
    mutating func takeWaiting(_ layout: RolloutLayout, actors: Int) throws -> [RolloutBatch] {
        defer { waiting = nil }
        return try (waiting ?? []).map { bytes in
            guard case .rollouts(let rollouts) = try bytes.withUnsafeBytes({ try Envelope(decoding: $0) }).message
            else { throw ClusterError("a learner's checkpoint with rollouts that are none") }
            return try rollouts.content.checked(against: layout, actors: actors).batch
        }
    }

    /// Whether the bytes are what `encoded` gave.
    static func isWhole(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 8 else { return false }
        return bytes.withUnsafeBytes { raw in
            let checksum = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: raw.count - 4, as: UInt32.self))
            return CRC32C.of(UnsafeRawBufferPointer(rebasing: raw[..<(raw.count - 4)])) == checksum
        }
    }

    /// Reads what `encoded` wrote, and restores the learner. Throws `ClusterError` or `SourceAlgorithmError` for bytes
    /// that are damaged or of another experiment.
    init(_ bytes: [UInt8], restoring learner: any SourceLearner) throws {
        guard Self.isWhole(bytes) else {
            throw ClusterError("a learner's checkpoint of \(bytes.count) bytes whose checksum does not hold")
        }
        let length = bytes.withUnsafeBytes {
            Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt32.self)))
        }
        guard length <= bytes.count - 8 else { throw ClusterError("a learner's checkpoint that ends too early") }
        let description = Data(bytes[4..<(4 + length)])
        // Before the rest, which another layout may lack.
        let found = try JSONDecoder().decode(Layout.self, from: description).layout
        guard found == Self.currentLayout else {
            throw ClusterError("a learner's checkpoint of layout \(found); expected \(Self.currentLayout)")
        }
        self = try JSONDecoder().decode(LearnerState.self, from: description)
        try learner.restore(Array(bytes[(4 + length)..<(bytes.count - 4)]))
    }
}
