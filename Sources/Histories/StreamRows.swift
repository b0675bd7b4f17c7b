package import Experience

/// A contiguous piece of a stream in memory, column by column.
///
/// Columns are bytes as the file has them: little-endian numbers, row after row. `finals` is a range of its own, since
/// an episode that is cut has rows but no final observation.
package struct StreamRows: Sendable, Equatable {
    /// Rows of the stream that these are.
    package let range: Range<Int>
    /// Final observations of the stream that these are.
    package let finals: Range<Int>
    /// (N, width) of each column, in the order of `RolloutColumn.allCases`; (E, width) of that of episodes.
    private let columns: [[UInt8]]
    /// (N): the column of rewards as numbers.
    package let rewards: [Float]

    /// `columns` in the order of `RolloutColumn.allCases`, each with whole rows.
    init(range: Range<Int>, finals: Range<Int>, columns: [[UInt8]]) {
        self.range = range
        self.finals = finals
        self.columns = columns
        rewards = columns[RolloutColumn.rewards.rawValue].withUnsafeBytes { bytes in
            (0..<(bytes.count / 4)).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    /// (N, width) bytes of one column; (E, width) for `finalObservations`.
    ///
    /// A copy-on-write array: taking it copies nothing.
    package subscript(column: RolloutColumn) -> [UInt8] { columns[column.rawValue] }

    /// CRC-32C of all of it.
    var checksum: UInt32 { checksum(range, finals: finals) }

    /// CRC-32C of one rollout inside this piece, both ranges in the numbering of the stream.
    ///
    /// Columns come in the order of `RolloutColumn.allCases`, as the carrier summed them up. The ranges must lie inside
    /// this piece.
    func checksum(_ rows: Range<Int>, finals: Range<Int>) -> UInt32 {
        var crc = CRC32C()
        for column in RolloutColumn.allCases {
            let (part, all) = column.isOfEpisodes ? (finals, self.finals) : (rows, range)
            if part.isEmpty { continue }
            self[column].withUnsafeBytes { bytes in
                let width = bytes.count / all.count
                let start = (part.lowerBound - all.lowerBound) * width
                crc.update(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + part.count * width)]))
            }
        }
        return crc.value
    }
}

extension StreamFile {
    /// Rows of all columns. The ranges must lie inside them.
    ///
    /// Throws `StreamError`; made under `HDF5.locked`, as all of `StreamFile`.
    ///
    /// Reads each column in one go, into memory of its own.
    func readRows(_ range: Range<Int>, finals: Range<Int>) throws(StreamError) -> StreamRows {
        var columns: [[UInt8]] = []
        for column in RolloutColumn.allCases {
            columns.append(
                try read(column.rawValue, column.isOfEpisodes ? finals : range, as: UInt8.self, zero: 0))
        }
        return StreamRows(range: range, finals: finals, columns: columns)
    }

    /// For every row whether it ends its episode, 0 or not.
    ///
    /// (N). Terminations and truncations in one: which of the two ended an episode is not told.
    ///
    /// Reads two columns, where `readRows` reads all of them.
    func readFlags(_ range: Range<Int>) throws(StreamError) -> [UInt8] {
        var flags = try read(ColumnIndex.terminations, range, as: UInt8.self, zero: 0)
        let truncations = try read(ColumnIndex.truncations, range, as: UInt8.self, zero: 0)
        for index in flags.indices { flags[index] |= truncations[index] }
        return flags
    }

    /// Rows of `rollouts`, unchecked: a damaged file may have any numbers there.
    ///
    /// Fields that make no sense stay as they are: every user of a record has to check it.
    func readRollouts(_ range: Range<Int>) throws(StreamError) -> [RolloutRecord] {
        let fields = try read(ColumnIndex.rollouts, range, as: UInt64.self, zero: 0)
        return stride(from: 0, to: fields.count, by: RolloutRecord.fieldCount).map {
            RolloutRecord(fields: fields[$0..<($0 + RolloutRecord.fieldCount)])
        }
    }
}
