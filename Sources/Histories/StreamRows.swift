import Experience

/// A contiguous piece of a stream in memory, column by column.
package struct StreamRows: Sendable, Equatable {
    /// Rows of the stream that these are.
    package let range: Range<Int>
    /// Final observations of the stream that these are.
    package let finals: Range<Int>
    /// (N, observation bytes)
    package var observations: [UInt8]
    /// (N, action bytes)
    package var actions: [UInt8]
    /// (N)
    package var rewards: [Float]
    /// (N), 0 or 1
    package var terminations: [UInt8]
    /// (N), 0 or 1
    package var truncations: [UInt8]
    /// (E, observation bytes)
    package var finalObservations: [UInt8]

    /// CRC-32C of all of it.
    var checksum: UInt32 { checksum(range, finals: finals) }

    /// CRC-32C of one rollout inside this piece, both ranges in the numbering of the stream.
    func checksum(_ rows: Range<Int>, finals: Range<Int>) -> UInt32 {
        var crc = CRC32C()
        update(&crc, observations, rows, self.range)
        update(&crc, actions, rows, self.range)
        update(&crc, rewards, rows, self.range)
        update(&crc, terminations, rows, self.range)
        update(&crc, truncations, rows, self.range)
        update(&crc, finalObservations, finals, self.finals)
        return crc.value
    }

    private func update<Value>(_ crc: inout CRC32C, _ column: [Value], _ rows: Range<Int>, _ all: Range<Int>) {
        if rows.isEmpty { return }
        column.withUnsafeBytes { bytes in
            let width = bytes.count / all.count
            let start = (rows.lowerBound - all.lowerBound) * width
            crc.update(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + rows.count * width)]))
        }
    }
}

extension StreamFile {
    /// Rows of all columns. The ranges must lie inside them.
    func readRows(_ range: Range<Int>, finals: Range<Int>) throws(StreamError) -> StreamRows {
        StreamRows(
            range: range, finals: finals,
            observations: try read(ColumnIndex.observations, range, as: UInt8.self, zero: 0),
            actions: try read(ColumnIndex.actions, range, as: UInt8.self, zero: 0),
            rewards: try read(ColumnIndex.rewards, range, as: Float.self, zero: 0),
            terminations: try read(ColumnIndex.terminations, range, as: UInt8.self, zero: 0),
            truncations: try read(ColumnIndex.truncations, range, as: UInt8.self, zero: 0),
            finalObservations: try read(ColumnIndex.finalObservations, finals, as: UInt8.self, zero: 0))
    }

    /// For every row whether it ends its episode, 0 or not.
    func readFlags(_ range: Range<Int>) throws(StreamError) -> [UInt8] {
        var flags = try read(ColumnIndex.terminations, range, as: UInt8.self, zero: 0)
        let truncations = try read(ColumnIndex.truncations, range, as: UInt8.self, zero: 0)
        for index in flags.indices { flags[index] |= truncations[index] }
        return flags
    }

    func readRollouts(_ range: Range<Int>) throws(StreamError) -> [RolloutRecord] {
        let fields = try read(ColumnIndex.rollouts, range, as: UInt64.self, zero: 0)
        return stride(from: 0, to: fields.count, by: RolloutRecord.fieldCount).map {
            RolloutRecord(fields: fields[$0..<($0 + RolloutRecord.fieldCount)])
        }
    }
}
