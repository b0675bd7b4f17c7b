import Experience

/// The rollouts of a stream with the number of episodes that ended before each: where final observations are.
///
/// Final observations have no row number in `rollouts`: those of rollout i are `finals(before: i)..<finals(before: i +
/// 1)`, found by counting flags.
struct EpisodeEnds {
    /// Unbroken: sequence numbers and first steps follow one another.
    let records: [RolloutRecord]
    /// Flags of every row (termination or truncation), 0 where the episode goes on.
    private let flags: [UInt8]
    /// (records + 1): episodes that ended before each record, the total last.
    private let ends: [Int]

    /// `flags` must cover the rows of all `records`; more than that is ignored.
    ///
    /// One pass over the flags.
    init(records: [RolloutRecord], flags: [UInt8]) {
        self.records = records
        self.flags = flags
        var ends = [0]
        ends.reserveCapacity(records.count + 1)
        var count = 0
        for record in records {
            for row in Int(record.firstStep)..<Int(record.endStep) where flags[row] != 0 { count += 1 }
            ends.append(count)
        }
        self.ends = ends
    }

    /// Episodes that ended in the first `count` rollouts.
    func finals(before count: Int) -> Int { ends[count] }

    /// Where the stream stands behind its first `count` rollouts.
    ///
    /// One pass over the rollouts, without any rows.
    func position(behind count: Int) -> StreamPosition {
        var position = StreamPosition()
        for index in 0..<count { advance(&position, over: index) }
        return position
    }

    /// Moves `position` from before to behind rollout `index`.
    ///
    /// The policy version, incarnation and episode are taken from the record as they are; whether they may follow is
    /// `StreamPosition.problem`'s to say.
    func advance(_ position: inout StreamPosition, over index: Int) {
        let record = records[index]
        position.advance(
            incarnation: record.incarnation, policyVersion: record.policyVersion, firstEpisode: record.firstEpisode,
            length: Int(record.length), finished: ends[index + 1] - ends[index],
            endsEpisode: record.length > 0 && flags[Int(record.endStep) - 1] != 0)
    }
}

extension RolloutRecord {
    /// The rollouts up to the first that cannot be one: wrong number, wrong place, never written.
    ///
    /// `rows`: rows that every column of transitions has. What follows the first break is no longer counted, however
    /// sound it looks.
    ///
    /// A row of `rollouts` that was reserved but never written has a wall clock of 0.
    static func unbroken(_ records: [RolloutRecord], rows: Int) -> [RolloutRecord] {
        var step: UInt64 = 0
        for (index, record) in records.enumerated() {
            guard record.sequence == UInt64(index), record.firstStep == step, record.wallClock > 0,
                record.length <= UInt64(rows), record.endStep <= UInt64(rows)
            else { return Array(records[..<index]) }
            step = record.endStep
        }
        return records
    }
}
