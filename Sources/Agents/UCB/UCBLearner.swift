import Experience

/// Counts the rollouts of a lifetime whose actors learn by themselves.
///
/// An update is all that waits: a round in lockstep, otherwise what has come.
final class UCBLearner: SourceLearner {
    /// What actors load: one number that says nothing, since an answer without any would tell them to go on waiting.
    static let parameters: [Float] = [0]

    private(set) var version: UInt64 = 0
    var onProgress: (() -> Void)?

    func withActingParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try Self.parameters.withUnsafeBufferPointer(body)
    }

    func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int { waiting.count }

    /// Every transition counts as learnt from, because its actor has.
    func update(_ batches: [RolloutBatch]) throws -> UpdateReport {
        version += 1
        var report = UpdateReport(version: version)
        report.rows = batches.reduce(0) { $0 + $1.rowCount }
        report.learntRows = report.rows
        return report
    }
}

/// Saved bytes, little-endian: magic (UInt32), updates (UInt64), CRC-32C of both.
extension UCBLearner {
    private static let magic: UInt32 = 0x4243_5544  // "DUCB"
    static let savedBytes = 16

    func save() -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(Self.magic)
        append(version)
        append(bytes.withUnsafeBytes { CRC32C.of($0) })
        return bytes
    }

    func restore(_ bytes: [UInt8]) throws {
        version = try bytes.withUnsafeBytes { saved in
            guard saved.count == Self.savedBytes,
                UInt32(littleEndian: saved.loadUnaligned(as: UInt32.self)) == Self.magic,
                UInt32(littleEndian: saved.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
                    == CRC32C.of(UnsafeRawBufferPointer(rebasing: saved.prefix(12)))
            else { throw SourceAlgorithmError("not the \(Self.savedBytes) bytes that a learner of ucb has saved") }
            return UInt64(littleEndian: saved.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
        }
    }
}
