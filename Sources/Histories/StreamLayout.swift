import CHDF5
import Environments
import Experience

/// How a dataset's numbers are stored: the element types of spaces, and the 64-bit integers of `rollouts`.
enum StoredType: Hashable {
    case uint8, int32, float32, uint64

    init(_ type: ElementType) {
        switch type {
        case .uint8: self = .uint8
        case .int32: self = .int32
        case .float32: self = .float32
        }
    }

    var byteCount: Int {
        switch self {
        case .uint8: 1
        case .int32, .float32: 4
        case .uint64: 8
        }
    }

    /// Little-endian in the file; the same in memory, so that nothing is converted.
    var identifier: hid_t {
        switch self {
        case .uint8: distillery_h5_uint8()
        case .int32: distillery_h5_int32()
        case .float32: distillery_h5_float32()
        case .uint64: distillery_h5_uint64()
        }
    }

    var name: String {
        switch self {
        case .uint8: "uint8"
        case .int32: "int32"
        case .float32: "float32"
        case .uint64: "uint64"
        }
    }
}

/// One dataset of a stream file; its first axis is time (or episodes, or rollouts).
struct StreamColumn: Hashable {
    let name: String
    let type: StoredType
    /// Dimensions of one row.
    let shape: [Int]

    var rowBytes: Int { shape.reduce(type.byteCount, *) }

    /// The datasets of a stream in the order in which they are created, written and checked: the columns of its rollouts,
    /// then `rollouts`.
    static func all(of environment: EnvironmentDescription) -> [StreamColumn] {
        let layout = environment.rolloutLayout
        let columns = RolloutColumn.allCases.map { column in
            let space = layout.space(of: column)
            return StreamColumn(name: column.name, type: StoredType(space.elementType), shape: space.shape)
        }
        return columns + [StreamColumn(name: "rollouts", type: .uint64, shape: [RolloutRecord.fieldCount])]
    }

    /// Rows of a chunk of a growing file: a power of two of about 16 KiB, so that a short stream stays small.
    var growingChunkRows: Int { chunkRows(bytes: 16 << 10, rows: 16...1024) }

    /// Rows of a chunk of a sealed file with `count` rows: one chunk for a short stream.
    func sealedChunkRows(count: Int) -> Int {
        min(max(count, 1), chunkRows(bytes: 256 << 10, rows: 16...65_536))
    }

    /// Whether a sealed file has the column compressed: a short one saves nothing worth deflate's time, for a disk has
    /// blocks of 4 KiB.
    func isCompressed(count: Int) -> Bool { count * rowBytes > StreamColumn.uncompressedBytes }

    private static let uncompressedBytes = 2 << 10

    private func chunkRows(bytes: Int, rows: ClosedRange<Int>) -> Int {
        var result = rows.upperBound
        while result > rows.lowerBound, result * rowBytes > bytes { result /= 2 }
        return result
    }
}

/// Positions of the columns in `StreamColumn.all`; that of a rollout's column is its raw value.
enum ColumnIndex {
    static let terminations = RolloutColumn.terminations.rawValue
    static let truncations = RolloutColumn.truncations.rawValue
    static let finalObservations = RolloutColumn.finalObservations.rawValue
    static let rollouts = RolloutColumn.allCases.count
    /// Columns with one row a transition.
    static let transitions = 0..<RolloutColumn.ofRows.count
}

/// One row of `rollouts`: what was appended, where its rows are and what they must add up to.
package struct RolloutRecord: Hashable, Sendable {
    static let fieldCount = 8

    package var sequence: UInt64
    /// Row of its first transition.
    package var firstStep: UInt64
    package var length: UInt64
    package var policyVersion: UInt64
    package var incarnation: UInt64
    /// CRC-32C of its rows.
    package var checksum: UInt64
    /// When it was recorded, in nanoseconds since 1970.
    package var wallClock: UInt64
    /// Number of the episode of its first transition.
    package var firstEpisode: UInt64

    package var endStep: UInt64 { firstStep &+ length }

    var fields: [UInt64] {
        [sequence, firstStep, length, policyVersion, incarnation, checksum, wallClock, firstEpisode]
    }

    init(fields: ArraySlice<UInt64>) {
        let start = fields.startIndex
        sequence = fields[start]
        firstStep = fields[start + 1]
        length = fields[start + 2]
        policyVersion = fields[start + 3]
        incarnation = fields[start + 4]
        checksum = fields[start + 5]
        wallClock = fields[start + 6]
        firstEpisode = fields[start + 7]
    }

    init(_ header: RolloutHeader, firstStep: Int, wallClock: UInt64) {
        sequence = header.sequence
        self.firstStep = UInt64(firstStep)
        length = UInt64(header.length)
        policyVersion = header.policyVersion
        incarnation = header.incarnation
        checksum = UInt64(header.checksum)
        self.wallClock = wallClock
        firstEpisode = header.firstEpisode
    }
}
