import Environments
import Experience

/// What `verify` finds out about one stream file.
///
/// Unlike `StreamContents`, which stops at the first problem, it goes on and lists up to ten, and it reads about 16 MiB
/// of rows at a time, not the whole stream. Gaps are no damage: a carrier died there, and its successor went on.
package struct StreamVerification: Sendable, Codable, Equatable {
    /// A place where an incarnation took over from another: what was in flight is missing there.
    package struct Gap: Sendable, Codable, Equatable {
        /// The first rollout of the new incarnation.
        package let sequence: UInt64
        /// Before and after.
        package let incarnations: [UInt64]
        /// Policy version before and after.
        package let policyVersions: [UInt64]
        /// Episode number before and after.
        package let episodes: [UInt64]
        /// The episode before the gap did not end at a flag: it is cut.
        package let cutsEpisode: Bool
    }

    /// As it was given.
    package let path: String
    /// The attribute `complete` is 1.
    package var isSealed = false
    /// Transitions that the rollouts cover, up to the first break in their order.
    package var rows = 0
    /// Rollouts up to the first break in their order.
    package var rollouts = 0
    /// Episodes that ended at a flag.
    package var finishedEpisodes = 0
    /// Episodes whose carrier died before their end.
    package var cutEpisodes = 0
    /// In the order of the stream; empty where it was carried by one process all its life.
    package var gaps: [Gap] = []
    /// Rows of a growing file that no rollout covers yet: a writer is at work or was killed.
    package var unrecordedRows = 0
    /// Damage, in words. Empty for a sound stream.
    package var problems: [String] = []

    /// Nothing is damaged. Gaps, cut episodes and unrecorded rows of a growing file are not damage.
    package var isSound: Bool { problems.isEmpty }

    /// Problems that are listed for one file; the rest is likely to be their consequence.
    private static let listedProblems = 10

    /// Checks one file: layout, order, checksums, flags, elements of the spaces. Never throws: what cannot be read is
    /// a problem.
    ///
    /// Takes as long as reading all of the file. Memory: flags of every row, and one piece.
    package init(path: String) {
        self.path = path
        do throws(StreamError) {
            let reader = try StreamReader(path: path)
            defer { reader.close() }
            try check(reader)
        } catch {
            problems.append(error.problem)
        }
    }

    /// A stream that its recorder has given up counts as damaged; the reason is the one in its mark. Nothing is read.
    ///
    /// For `verify` of a whole run, where quarantined streams count as damage.
    package init(quarantined path: String) {
        self.path = path
        guard let mark = StreamQuarantine(of: path) else { return }
        let rest = mark.movedTo.isEmpty ? "nothing is left of it" : "what is left of it is \(mark.movedTo)"
        problems.append("quarantined by its recorder: \(mark.reason); \(rest)")
    }

    /// Beyond ten nothing is added.
    private mutating func note(_ problem: String) {
        if problems.count < StreamVerification.listedProblems { problems.append(problem) }
    }

    private mutating func check(_ reader: StreamReader) throws(StreamError) {
        let ends = try begin(reader)
        var first = 0
        while first < ends.records.count {
            first = try checkPiece(reader, ends, from: first, bytes: StreamVerification.pieceBytes)
        }
    }

    /// Checks what needs no rows, and finds which rows there are to check.
    ///
    /// Throws only where the flags cannot be read at all.
    private mutating func begin(_ reader: StreamReader) throws(StreamError) -> EpisodeEnds {
        isSealed = reader.metadata.isComplete
        let records = RolloutRecord.unbroken(reader.rollouts, rows: reader.rowCount)
        rollouts = records.count
        rows = Int(records.last?.endStep ?? 0)
        noteBreak(reader, records)
        let ends = EpisodeEnds(records: records, flags: try reader.flags(0..<rows))
        noteLengths(reader, finals: ends.finals(before: records.count))
        checkOrder(ends)
        return ends
    }

    /// The first rollout that does not follow the one before.
    ///
    /// With the place at which it should have begun and where it does.
    private mutating func noteBreak(_ reader: StreamReader, _ records: [RolloutRecord]) {
        guard records.count < reader.rollouts.count else { return }
        let found = reader.rollouts[records.count]
        let expected = "expected sequence \(records.count) from row \(rows) on"
        note(
            "rollout \(records.count): \(expected), found sequence \(found.sequence) with rows \(found.firstStep) to "
                + "\(found.endStep) of \(reader.rowCount)")
    }

    /// Columns behind the last rollout are a writer's work in progress, and damage in a sealed file.
    private mutating func noteLengths(_ reader: StreamReader, finals: Int) {
        let lengths = reader.counts[ColumnIndex.transitions]
        unrecordedRows = (lengths.max() ?? rows) - rows
        if finals > reader.finalCount {
            note("\(finals) episodes ended but there are \(reader.finalCount) final observations")
        }
        guard isSealed else { return }
        if unrecordedRows > 0 { note("sealed with \(unrecordedRows) rows behind the last rollout") }
        if finals < reader.finalCount { note("sealed with \(reader.finalCount - finals) final observations too many") }
    }

    /// Incarnations, policy versions and episode numbers, rollout by rollout.
    ///
    /// The same rules as a writer's: `StreamPosition.problem`.
    private mutating func checkOrder(_ ends: EpisodeEnds) {
        var position = StreamPosition()
        for index in ends.records.indices {
            let record = ends.records[index]
            if let problem = position.problem(
                incarnation: record.incarnation, policyVersion: record.policyVersion, firstEpisode: record.firstEpisode)
            {
                note("rollout \(index): \(problem)")
            }
            if index > 0, record.incarnation != position.incarnation { noteGap(position, record) }
            ends.advance(&position, over: index)
        }
        finishedEpisodes = position.finals
    }

    /// `position` is behind the last rollout of the old incarnation, `record` the first of the new one.
    ///
    /// An episode that had just ended is not cut.
    private mutating func noteGap(_ position: StreamPosition, _ record: RolloutRecord) {
        gaps.append(
            Gap(
                sequence: record.sequence, incarnations: [position.incarnation, record.incarnation],
                policyVersions: [position.policyVersion, record.policyVersion],
                episodes: [position.episode, record.firstEpisode], cutsEpisode: position.isMidEpisode))
        if position.isMidEpisode { cutEpisodes += 1 }
    }

    /// Checks checksums and elements from rollout `first` on, up to `bytes`. Gives the rollout after the last.
    ///
    /// At least one rollout. Rollouts without enough final observations end the check: that was noted before.
    private mutating func checkPiece(
        _ reader: StreamReader, _ ends: EpisodeEnds, from first: Int, bytes: Int
    ) throws(StreamError) -> Int {
        let layout = reader.metadata.environment.rolloutLayout
        let limit = max(1, bytes / layout.rowBytes)
        let start = Int(ends.records[first].firstStep)
        var last = first + 1
        while last < ends.records.count, Int(ends.records[last].endStep) - start <= limit { last += 1 }
        let finals = ends.finals(before: first)..<ends.finals(before: last)
        guard finals.upperBound <= reader.finalCount else { return ends.records.count }
        let piece = try reader.rows(start..<Int(ends.records[last - 1].endStep), finals: finals)
        for index in first..<last {
            let record = ends.records[index]
            let checksum = piece.checksum(
                Int(record.firstStep)..<Int(record.endStep),
                finals: ends.finals(before: index)..<ends.finals(before: index + 1))
            if UInt64(checksum) != record.checksum {
                note("rollout \(index), rows \(record.firstStep) to \(record.endStep): the checksum does not hold")
            }
        }
        checkElements(piece, layout)
        return last
    }

    /// The first element outside its space in each column; a finite reward is always inside.
    private mutating func checkElements(_ piece: StreamRows, _ layout: RolloutLayout) {
        for column in RolloutColumn.allCases {
            let space = layout.space(of: column)
            guard let index = piece[column].withUnsafeBytes({ space.firstOutside($0) }) else { continue }
            let place =
                column.isOfEpisodes
                ? "episode \(piece.finals.lowerBound + index)" : "row \(piece.range.lowerBound + index)"
            note("\(place): an element of \(column.name) is outside of \(space)")
        }
    }

    /// Memory for rows.
    private static let pieceBytes = 16 << 20

    /// The same check in bounded pieces, so that a recorder can flush other streams between them.
    final class InPieces {
        /// What was found so far; complete once `advance` has answered true.
        private(set) var result: StreamVerification
        /// Open until the last piece is checked.
        private let reader: StreamReader
        /// Found once, from the flags.
        private let ends: EpisodeEnds
        /// The next rollout to be checked.
        private var first = 0
        /// Of the rollouts that were checked, from 0 to 1.
        var share: Double { Double(first) / Double(max(1, ends.records.count)) }

        /// Opens the file, and checks what needs no rows: order, lengths, flags. Throws `damaged` for what is not a
        /// stream.
        ///
        /// Takes memory for the flags of all rows.
        init(path: String) throws(StreamError) {
            reader = try StreamReader(path: path)
            var result = StreamVerification(begun: path)
            ends = try result.begin(reader)
            self.result = result
        }

        /// Checks about `bytes` of rows. True when there are no more.
        ///
        /// Throws where rows cannot be read; damage is noted in `result` and does not throw.
        func advance(bytes: Int) throws(StreamError) -> Bool {
            if first < ends.records.count {
                first = try result.checkPiece(reader, ends, from: first, bytes: bytes)
            }
            guard first >= ends.records.count else { return false }
            reader.close()
            return true
        }
    }

    private init(begun path: String) { self.path = path }
}

extension StreamError {
    /// What is wrong, without the file's name.
    ///
    /// For lists in which the file's name stands already.
    package var problem: String {
        switch self {
        case .damaged(_, let problem), .invalidRollout(_, let problem), .mismatch(_, let problem): problem
        case .inputOutput(_, let operation, let message, _): "cannot \(operation): \(message)"
        default: description
        }
    }
}
