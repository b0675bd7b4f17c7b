/// Where a stream file ends, found without reading what comes before: memory does not grow with the stream.
package struct StreamEnd: Sendable, Equatable {
    /// Rows of `rollouts`, which is the sequence number that would come next.
    package let rollouts: UInt64
    /// Transitions that the rollouts cover.
    package let rows: UInt64
    /// The number of the first episode that could follow.
    package let nextEpisode: UInt64
    /// The highest incarnation in the file, which is the last one.
    package let incarnation: UInt64

    /// Rollouts without rows (marks of an end) that may follow the last one with rows.
    private static let examinedRollouts = 64

    /// Throws `damaged` where the end of the file cannot be that of a stream, or its last rollout is not whole.
    ///
    /// Reads the attributes, the last 64 rows of `rollouts` and the rows of these; growing and sealed files alike.
    package init(path: String) throws(StreamError) {
        let position = try HDF5.locked { () throws(StreamError) in
            let (file, _) = try StreamFile.open(path, .read)
            defer { file.abandon() }
            return try file.end(examining: StreamEnd.examinedRollouts)
        }
        rollouts = position.rollouts
        rows = UInt64(position.rows)
        nextEpisode = position.nextFreshEpisode
        incarnation = position.incarnation
    }
}

extension StreamEnd {
    /// CRC-32C of a file's rollouts from `first` on, at most `limit`.
    ///
    /// Fewer come back where the file ends earlier, none where `first` is behind its end. A sender that lived something
    /// again compares its own with them.
    ///
    /// Throws what opening throws. Only `rollouts` is read, not the rows themselves.
    package static func checksums(at path: String, from first: UInt64, limit: Int) throws(StreamError) -> [UInt32] {
        let records = try HDF5.locked { () throws(StreamError) in
            let (file, _) = try StreamFile.open(path, .read)
            defer { file.abandon() }
            let count = try file.count(ColumnIndex.rollouts)
            let start = min(Int(first), count)
            return try file.readRollouts(start..<min(start + limit, count))
        }
        return records.map { UInt32($0.checksum) }
    }
}

extension StreamFile {
    /// The position behind the last rollout; `finals` are those of the rollouts that were examined.
    ///
    /// Throws `damaged` where one of the last rollouts does not follow the one before.
    fileprivate func end(examining limit: Int) throws(StreamError) -> StreamPosition {
        let count = try count(ColumnIndex.rollouts)
        let first = max(0, count - limit)
        let records = try readRollouts(first..<count)
        var rows = Int.max
        for index in ColumnIndex.transitions { rows = min(rows, try self.count(index)) }
        var position = StreamPosition(rollouts: UInt64(first), rows: Int(clamping: records.first?.firstStep ?? 0))
        for (index, record) in records.enumerated() {
            guard record.sequence == UInt64(first + index), record.firstStep == UInt64(position.rows),
                record.length <= UInt64(rows - min(rows, position.rows))
            else { throw .damaged(path: path, problem: "rollout \(first + index) does not follow the one before") }
            let flags = try readFlags(Int(record.firstStep)..<Int(record.endStep))
            position.advance(
                incarnation: record.incarnation, policyVersion: record.policyVersion,
                firstEpisode: record.firstEpisode, length: Int(record.length), finished: flags.count { $0 != 0 },
                endsEpisode: flags.last.map { $0 != 0 } ?? false)
        }
        if let last = records.last { try check(last) }
        return position
    }

    /// Throws `damaged` where the last rollout's rows are not what its checksum says.
    ///
    /// The last one is where a crash tears a file; those before it were checked when they were written.
    private func check(_ last: RolloutRecord) throws(StreamError) {
        let rows = Int(last.firstStep)..<Int(last.endStep)
        let ended = try readFlags(rows).count { $0 != 0 }
        let finals = try count(ColumnIndex.finalObservations)
        guard ended <= finals, UInt64(try readRows(rows, finals: (finals - ended)..<finals).checksum) == last.checksum
        else { throw .damaged(path: path, problem: "rollout \(last.sequence) does not match its checksum") }
    }
}

extension StreamPosition {
    /// A position in the middle of a stream, for a reader that looks only at what follows.
    ///
    /// Its numbers of finals, incarnation and episode are those of what follows alone.
    fileprivate init(rollouts: UInt64, rows: Int) {
        self.init()
        skip(rollouts: rollouts, rows: rows)
    }
}
