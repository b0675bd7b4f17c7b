import Experience

/// A whole stream in memory, checked: what most users of a file want.
///
/// Costs as much memory as the stream has bytes, uncompressed. The file may still grow meanwhile: what is here is the
/// state at the moment of reading.
package struct StreamContents: Sendable {
    /// As it was given, for errors.
    package let path: String
    /// Checked against the file's checksum of its attributes.
    package let metadata: StreamMetadata
    /// In order, without a break, each with a checksum that its rows match.
    package let rollouts: [RolloutRecord]
    /// The rows that `rollouts` covers.
    package let rows: StreamRows
    /// In order; together they cover all rows.
    package let episodes: [Episode]

    /// Reads a file and checks its structure and checksums. Throws `damaged` at the first thing that is wrong; rows
    /// of a growing file that `rollouts` does not cover yet are left out.
    ///
    /// Takes as long as reading all of the file; other threads that use HDF5 wait meanwhile.
    package init(path: String) throws(StreamError) {
        let reader = try StreamReader(path: path)
        defer { reader.close() }
        try self.init(reader)
    }

    /// As `init(path:)`, with a reader that stays open.
    ///
    /// Throws `damaged` as well. The reader may read further pieces afterwards, and is the caller's to close.
    package init(_ reader: StreamReader) throws(StreamError) {
        path = reader.path
        metadata = reader.metadata
        rollouts = RolloutRecord.unbroken(reader.rollouts, rows: reader.rowCount)
        guard rollouts.count == reader.rollouts.count else {
            throw .damaged(
                path: path,
                problem: "rollout \(rollouts.count) does not continue the one before, or its rows are missing")
        }
        let rowCount = Int(rollouts.last?.endStep ?? 0)
        let ends = EpisodeEnds(records: rollouts, flags: try reader.flags(0..<rowCount))
        let finals = ends.finals(before: rollouts.count)
        guard finals <= reader.finalCount else {
            throw .damaged(
                path: path, problem: "\(finals) episodes ended but there are \(reader.finalCount) final observations")
        }
        rows = try reader.rows(0..<rowCount, finals: 0..<finals)
        for (index, record) in rollouts.enumerated() {
            let checksum = rows.checksum(
                Int(record.firstStep)..<Int(record.endStep),
                finals: ends.finals(before: index)..<ends.finals(before: index + 1))
            guard UInt64(checksum) == record.checksum else {
                throw .damaged(path: path, problem: "the rows of rollout \(index) do not match their checksum")
            }
        }
        episodes = Episode.all(in: rows, rollouts: rollouts)
    }
}
