import Environments
import Neural

/// Saved bytes, little-endian: magic, layout version, parameter count (each UInt32), updates, Adam's steps (each
/// UInt64), parameters, first and second moments (Float each), CRC-32C of all before it.
extension ActorCriticLearner {
    private static let magic: UInt32 = 0x4341_5344  // "DSAC"
    private static let layoutVersion: UInt32 = 1
    private static let headerBytes = 28

    package func save() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + 12 * shape.parameterCount + 4)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(Self.magic)
        append(Self.layoutVersion)
        append(UInt32(shape.parameterCount))
        append(version)
        append(adamSteps)
        for buffer in [weights, firstMoments, secondMoments] {
            for number in buffer.values { append(number.bitPattern) }
        }
        append(bytes.withUnsafeBytes { CRC32C.of($0) })
        return bytes
    }

    package func restore(_ bytes: [UInt8]) throws {
        let expected = Self.headerBytes + 12 * shape.parameterCount + 4
        try bytes.withUnsafeBytes { raw in
            func read<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type) -> Value {
                Value(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: type))
            }
            guard raw.count >= Self.headerBytes, read(0, as: UInt32.self) == Self.magic,
                read(4, as: UInt32.self) == Self.layoutVersion
            else {
                throw SourceAlgorithmError(
                    "not the checkpoint of an actor-critic learner of layout \(Self.layoutVersion): "
                        + "\(raw.count) bytes that begin otherwise")
            }
            let count = read(8, as: UInt32.self)
            guard count == UInt32(shape.parameterCount), raw.count == expected else {
                throw SourceAlgorithmError(
                    "the learner's checkpoint holds \(count) parameters in \(raw.count) bytes, expected "
                        + "\(shape.parameterCount) in \(expected): hidden layers \(shape.hidden), "
                        + "\(shape.actions) actions")
            }
            let checksum = CRC32C.of(UnsafeRawBufferPointer(rebasing: raw[..<(expected - 4)]))
            guard read(expected - 4, as: UInt32.self) == checksum else {
                throw SourceAlgorithmError("the learner's checkpoint is damaged: its checksum does not hold")
            }
            for (part, buffer) in [weights, firstMoments, secondMoments].enumerated() {
                let first = Self.headerBytes + 4 * part * shape.parameterCount
                for index in 0..<shape.parameterCount {
                    buffer.start[index] = Float(bitPattern: read(first + 4 * index, as: UInt32.self))
                }
            }
            restore(version: read(12, as: UInt64.self), adamSteps: read(20, as: UInt64.self))
        }
    }
}
