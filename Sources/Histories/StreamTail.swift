import Experience

/// How far one reader has come in one stream, sealed or growing: each `read` gives what follows, and costs what is new.
///
/// Nothing is open between two reads, so thousands of streams can be followed. What was read stays true as long as the
/// file has the last rollout that was read in its place: a sealed copy has, another attempt at the same lifetime or a
/// file that was cut off after a crash has not.
package struct StreamTail: Sendable {
    /// Behind the last rollout that was read.
    package private(set) var position = StreamPosition()
    /// Nil before the first.
    private var last: RolloutRecord?

    /// What a read has found.
    package enum Finding: Sendable {
        case piece(Piece)
        /// Its metadata were not accepted; nothing else was read.
        case refused(StreamMetadata)
        /// The file is no longer what was read: begin anew with a new tail.
        case replaced
    }

    /// Whole rollouts, each checked against its checksum.
    package struct Piece: Sendable {
        package let metadata: StreamMetadata
        /// In order, from the tail's position on; none where nothing is new.
        package let rollouts: [RolloutRecord]
        /// Their rows, in the numbering of the stream.
        package let rows: StreamRows
        /// The file had no further whole rollout.
        package let isLast: Bool
    }

    /// Rows of `rollouts` that are read at once.
    private static let recordLimit = 4096

    package init() {}

    /// Reads what follows, until `rowLimit` rows are reached. Of a growing file what its writer has torn off is no part;
    /// in a sealed file it is damage. Throws `StreamError`: `damaged` for what is no stream or no whole one; a file that
    /// is being written to may look so for a moment.
    package mutating func read(
        path: String, rowLimit: Int, accepts: (StreamMetadata) -> Bool
    ) throws(StreamError) -> Finding {
        try StreamReader.reading { () throws(StreamError) in
            let (file, metadata) = try StreamFile.open(path, .read)
            defer { file.abandon() }
            guard accepts(metadata) else { return .refused(metadata) }
            guard let piece = try read(file, metadata, rowLimit: rowLimit) else { return .replaced }
            return .piece(piece)
        }
    }

    /// Nil where the file does not have the last rollout that was read.
    private mutating func read(
        _ file: StreamFile, _ metadata: StreamMetadata, rowLimit: Int
    ) throws(StreamError) -> Piece? {
        let next = Int(position.rollouts)
        let count = try file.count(ColumnIndex.rollouts)
        guard count >= next else { return nil }
        var records = try file.readRollouts(max(0, next - 1)..<min(count, next + Self.recordLimit))
        if let last {
            guard records.first == last else { return nil }
            records.removeFirst()
        }
        let following = try self.following(records, in: file, rowLimit: rowLimit)
        let whole = try self.whole(following, of: file)
        let isBroken = whole.records.count < following.records.count || following.isBroken
        if isBroken, metadata.isComplete {
            throw .damaged(
                path: file.path,
                problem:
                    "rollout \(next + whole.records.count) does not continue the one before, or does not match its "
                    + "rows")
        }
        for (record, ended) in zip(whole.records, whole.ended) { advance(over: record, ended) }
        return Piece(
            metadata: metadata, rollouts: whole.records, rows: whole.rows,
            isLast: isBroken || next + whole.records.count == count)
    }

    /// The records up to the row limit that continue the position. `isBroken`: the next one does not.
    private func following(
        _ records: [RolloutRecord], in file: StreamFile, rowLimit: Int
    ) throws(StreamError) -> (records: ArraySlice<RolloutRecord>, isBroken: Bool) {
        var available = Int.max
        for column in ColumnIndex.transitions { available = min(available, try file.extent(column)) }
        var end = UInt64(position.rows)
        for (index, record) in records.enumerated() {
            if end >= UInt64(position.rows + rowLimit) { return (records[..<index], false) }
            // A long claim has to be true before memory is taken for it.
            if record.length > UInt64(rowLimit) {
                for column in ColumnIndex.transitions { available = min(available, try file.count(column)) }
            }
            guard record.sequence == position.rollouts + UInt64(index), record.firstStep == end, record.wallClock > 0,
                record.length <= UInt64(available), record.endStep <= UInt64(available)
            else { return (records[..<index], true) }
            end = record.endStep
        }
        return (records[...], false)
    }

    /// The rows of records up to the first that does not match its checksum, and for each how its episodes ended.
    private func whole(
        _ following: (records: ArraySlice<RolloutRecord>, isBroken: Bool), of file: StreamFile
    ) throws(StreamError) -> (records: [RolloutRecord], ended: [Ends], rows: StreamRows) {
        let range = position.rows..<Int(following.records.last?.endStep ?? UInt64(position.rows))
        let flags = try file.readFlags(range)
        let ended = following.records.map { record in
            let own = flags[(Int(record.firstStep) - range.lowerBound)..<(Int(record.endStep) - range.lowerBound)]
            return Ends(count: own.count { $0 != 0 }, isLast: own.last.map { $0 != 0 } ?? false)
        }
        let available = try file.extent(ColumnIndex.finalObservations)
        let finals =
            position.finals..<min(max(available, position.finals), ended.reduce(position.finals) { $0 + $1.count })
        let rows = try file.readRows(range, finals: finals)
        var records: [RolloutRecord] = []
        var final = finals.lowerBound
        for (record, ends) in zip(following.records, ended) {
            guard final + ends.count <= finals.upperBound,
                UInt64(
                    rows.checksum(
                        Int(record.firstStep)..<Int(record.endStep), finals: final..<(final + ends.count)))
                    == record.checksum
            else { break }
            final += ends.count
            records.append(record)
        }
        return (records, ended, rows)
    }

    /// How a rollout's rows ended episodes.
    private struct Ends {
        let count: Int
        /// Its last row did.
        let isLast: Bool
    }

    private mutating func advance(over record: RolloutRecord, _ ended: Ends) {
        last = record
        position.advance(
            incarnation: record.incarnation, policyVersion: record.policyVersion, firstEpisode: record.firstEpisode,
            length: Int(record.length), finished: ended.count, endsEpisode: ended.isLast)
    }
}
