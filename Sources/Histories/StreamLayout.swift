import CHDF5
import Environments
import Experience

/// How a dataset's numbers are stored: the element types of spaces, and the 64-bit integers of `rollouts`.
enum StoredType: Hashable {
    case uint8, int32, float32, uint64

    /// Every element type of a space can be stored as it is.
    init(_ type: ElementType) {
        switch type {
        case .uint8: self = .uint8
        case .int32: self = .int32
        case .float32: self = .float32
        }
    }

    /// Bytes of one number in the file and in memory.
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

    /// The word for it in error messages.
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
///
/// Rows of all columns but `final_observations` and `rollouts` are transitions. `final_observations` has a row for each
/// episode that ended at a flag, `rollouts` one for each rollout.
struct StreamColumn: Hashable {
    let name: String
    /// Of each number of a row.
    let type: StoredType
    /// Dimensions of one row.
    let shape: [Int]

    /// Bytes of one row, before compression.
    var rowBytes: Int { shape.reduce(type.byteCount, *) }

    /// The datasets of a stream in the order in which they are created, written and checked: the columns of its
    /// rollouts, then `rollouts`.
    ///
    /// `final_observations` has the shape of observations.
    static func all(of environment: EnvironmentDescription) -> [StreamColumn] {
        let layout = environment.rolloutLayout
        let columns = RolloutColumn.allCases.map { column in
            let space = layout.space(of: column)
            let name =
                switch column {
                case .observations: environment.stored.name
                case .finalObservations: "final_\(environment.stored.name)"
                default: column.name
                }
            return StreamColumn(name: name, type: StoredType(space.elementType), shape: space.shape)
        }
        return columns + [StreamColumn(name: "rollouts", type: .uint64, shape: [RolloutRecord.fieldCount])]
    }

    /// Rows of a chunk of a growing file: a power of two from 16 to 1,024 that comes to about 16 KiB, so that a short
    /// stream stays small.
    var growingChunkRows: Int { chunkRows(bytes: 16 << 10, rows: 16...1024) }

    /// Rows of a chunk of a sealed file with `count` rows: all of them for a short stream, otherwise a power of two
    /// that comes to about 256 KiB.
    func sealedChunkRows(count: Int) -> Int {
        min(max(count, 1), chunkRows(bytes: 256 << 10, rows: 16...65_536))
    }

    /// Whether a sealed file has the column compressed: a short one saves nothing worth deflate's time, for a disk has
    /// blocks of 4 KiB.
    func isCompressed(count: Int) -> Bool { count * rowBytes > StreamColumn.uncompressedBytes }

    /// 2 KiB.
    private static let uncompressedBytes = 2 << 10

    /// Halves the upper bound until a chunk fits `bytes`, but never goes below the lower bound: 16 rows of images may
    /// be larger.
    private func chunkRows(bytes: Int, rows: ClosedRange<Int>) -> Int {
        var result = rows.upperBound
        while result > rows.lowerBound, result * rowBytes > bytes { result /= 2 }
        return result
    }
}

/// Positions of the columns in `StreamColumn.all`; that of a rollout's column is its raw value.
enum ColumnIndex {
    /// 1 in each row where the task's own rules ended the episode, else 0.
    static let terminations = RolloutColumn.terminations.rawValue
    /// 1 in each row where the episode was cut off by a limit on its steps, else 0.
    static let truncations = RolloutColumn.truncations.rawValue
    /// A row for each episode that ended.
    static let finalObservations = RolloutColumn.finalObservations.rawValue
    static let rollouts = RolloutColumn.allCases.count
    /// Columns with one row a transition.
    static let transitions = 0..<RolloutColumn.ofRows.count
}

/// One row of `rollouts`: what was appended, where its rows are and what they must add up to.
///
/// The file has it as 8 numbers of 64 bits in the order of the properties. A row with a
/// `wallClock` of 0 was never written.
package struct RolloutRecord: Hashable, Sendable {
    /// Numbers in a row of `rollouts`.
    static let fieldCount = 8

    /// The rollout's number in the stream, from 0 without holes; equal to its row in `rollouts`.
    package var sequence: UInt64
    /// Row of its first transition.
    package var firstStep: UInt64
    /// Transitions; 0 where the rollout only marks the end of its stream.
    package var length: UInt64
    /// Updates of the learner whose parameters chose its actions; never falls within an incarnation.
    package var policyVersion: UInt64
    /// How often the stream had been taken up when it was carried; never falls.
    package var incarnation: UInt64
    /// CRC-32C of its rows, column by column, and of its final observations (`StreamRows.checksum`).
    package var checksum: UInt64
    /// When it was recorded, in nanoseconds since 1970.
    package var wallClock: UInt64
    /// Number of the episode of its first transition.
    package var firstEpisode: UInt64

    /// Row behind its last transition. Wraps around on a damaged record, so check it against the rows that there are.
    package var endStep: UInt64 { firstStep &+ length }

    /// In the order in which the file has them.
    var fields: [UInt64] {
        [sequence, firstStep, length, policyVersion, incarnation, checksum, wallClock, firstEpisode]
    }

    /// Takes any 8 numbers: what they say is for `RolloutRecord.unbroken` and the checksum to find.
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

    /// `firstStep`: rows of the stream before it. The checksum is the carrier's.
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
