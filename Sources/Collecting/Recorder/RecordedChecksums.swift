import Experience
import Histories
import Nodes
import Wire

/// Checksums of rollouts that are recorded already, read from their files in blocks when rollouts come again. Their
/// memory is bounded, however long the streams are.
///
/// They answer one question: is a rollout that comes again the one that was recorded (`RecorderRole.compare`)?
struct RecordedChecksums {
    /// Rollouts of a block: 4 KiB of checksums.
    static let blockRollouts: UInt64 = 1024
    /// 256 blocks are 1 MiB: as many streams can be lived again in turn without a file being read twice.
    static let blockLimit = 256

    /// Block 0 has the rollouts from 0 to 1023.
    private struct Key: Hashable {
        let stream: StreamIdentifier
        let block: UInt64
    }

    /// Checksums by stream and block; a block at the end of a growing file may be short.
    private var blocks: [Key: [UInt32]] = [:]
    /// The block that was read first makes room for the next.
    private var order: [Key] = []
    private var oldest = 0

    /// The checksum of a stream's rollout; nil where `read` has none. `read` gives a block, or as much of it as there
    /// is.
    mutating func checksum(
        of sequence: UInt64, in stream: StreamIdentifier,
        read: (_ first: UInt64, _ limit: Int) throws(StreamError) -> [UInt32]
    ) throws(StreamError) -> UInt32? {
        let key = Key(stream: stream, block: sequence / Self.blockRollouts)
        let index = Int(sequence % Self.blockRollouts)
        if let block = blocks[key], index < block.count { return block[index] }
        let block = try read(key.block * Self.blockRollouts, Int(Self.blockRollouts))
        keep(block, key)
        return index < block.count ? block[index] : nil
    }

    /// Remembers a block in place of the oldest one. A block that is read again, because the file has grown, keeps its
    /// place.
    private mutating func keep(_ block: [UInt32], _ key: Key) {
        guard blocks.updateValue(block, forKey: key) == nil else { return }
        if order.count < Self.blockLimit { return order.append(key) }
        blocks[order[oldest]] = nil
        order[oldest] = key
        oldest = (oldest + 1) % Self.blockLimit
    }

    /// Files were moved aside: nothing of them is to be remembered.
    mutating func forget() { self = RecordedChecksums() }
}

extension RecorderRole {
    /// What became of comparing a rollout with the one of its number in the file. The checksums are those that the
    /// carriers computed, CRC-32C over a rollout's rows.
    enum Comparison {
        case same
        case different(recorded: UInt32)
        /// It cannot be told now; the rollout will come again.
        case unknown
    }

    /// Whether a rollout that the stream has already is the one that it has. A file that turns out to be damaged is
    /// quarantined on the way.
    func compare(
        _ header: RolloutHeader, _ identifier: StreamIdentifier, _ stream: RecordedStream, now: UInt64,
        outbox: inout Outbox
    ) -> Comparison {
        do throws(StreamError) {
            guard let recorded = try checksum(of: header.sequence, identifier, stream) else { return .unknown }
            return recorded == header.checksum ? .same : .different(recorded: recorded)
        } catch {
            if error.isPassing {
                wait(for: error, now: now)
            } else {
                quarantine(identifier, error.problem, now: now, outbox: &outbox)
            }
            return .unknown
        }
    }

    /// Rollouts that are not on disk are asked of the writer, all others of the file by way of `checksums`.
    private func checksum(
        of sequence: UInt64, _ identifier: StreamIdentifier, _ stream: RecordedStream
    ) throws(StreamError) -> UInt32? {
        if let writer = stream.writer, sequence >= writer.durableCount {
            return try writer.checksums(from: sequence, limit: 1).first
        }
        let path = home(identifier)
        return try checksums.checksum(of: sequence, in: identifier) { (first, limit) throws(StreamError) in
            if let writer = stream.writer { return try writer.checksums(from: first, limit: limit) }
            return try StreamEnd.checksums(at: path, from: first, limit: limit)
        }
    }

    /// As checksums are written in reasons and in logs.
    func hexadecimal(_ checksum: UInt32) -> String { String(checksum, radix: 16) }
}
