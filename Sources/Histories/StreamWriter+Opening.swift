import Environments
import Glibc

extension StreamWriter {
    /// Starts a new stream. The file appears under its name only when it is whole, so a reader never sees half of one.
    /// Folders on the way are made. Throws where there is a file already.
    ///
    /// For tools and tests; a recorder uses `open`, so that a stream which ends early never has a growing file.
    package static func create(at path: String, metadata: StreamMetadata) throws(StreamError) -> StreamWriter {
        let writer = try begin(at: path, sealedAt: path, metadata: metadata, calls: .system)
        try writer.createFile()
        return writer
    }

    /// Starts a new stream whose file appears with its first flush. One that is sealed before has never a growing file.
    ///
    /// Throws EEXIST where there is a file. Copies of a writer before are removed.
    private static func begin(
        at path: String, sealedAt sealedPath: String, metadata: StreamMetadata, calls: FileCalls
    ) throws(StreamError) -> StreamWriter {
        if fileSize(path) != nil {
            throw .inputOutput(path: path, operation: "create the stream", message: "the file exists", code: EEXIST)
        }
        removeCopies(at: path)
        removeCopies(at: sealedPath)
        return StreamWriter(
            path: path, sealedPath: sealedPath, metadata: metadata, position: StreamPosition(), hasFile: false,
            folderIsDurable: false, calls: calls)
    }

    /// Takes the stream up again where there is one, and starts it where there is none: its file then appears with the
    /// first flush.
    /// - Throws: `sealed` where the file is complete, `mismatch` where it is that of another stream, `damaged` as
    ///   `recover` does
    ///
    /// Opening a stream that is there takes as long as `recover`. It is sealed in its place, or at `sealedPath`.
    package static func open(
        at path: String, sealedAt sealedPath: String? = nil, metadata: StreamMetadata, calls: FileCalls = .system
    ) throws(StreamError) -> StreamWriter {
        guard fileSize(path) != nil else {
            return try begin(at: path, sealedAt: sealedPath ?? path, metadata: metadata, calls: calls)
        }
        let writer = try recover(at: path, sealedAt: sealedPath, calls: calls)
        if let difference = metadata.difference(from: writer.metadata) {
            throw .mismatch(path: path, problem: difference)
        }
        return writer
    }

    /// Removes the copies that a writer which died had in the making.
    ///
    /// Called before a stream is taken up, and never while another writer has it.
    package static func removeCopies(at path: String) {
        unlink(path + ".sealing")
        unlink(path + ".creating")
    }

    /// Takes up a stream that its writer left, closed or killed: cuts it off behind the last rollout whose checksum
    /// holds. No other process may write the file; readers may have it open. That its name is durable is the caller's
    /// to see to: the writer before may have died between the name and the sync of its folder.
    /// - Throws: `damaged` where more is missing than a crash can tear off: whole rollouts lie behind the damage
    ///
    /// Takes as long as reading flags and `rollouts` of the whole file, and the rows of its last rollouts.
    package static func recover(
        at path: String, sealedAt sealedPath: String? = nil, calls: FileCalls = .system
    ) throws(StreamError) -> StreamWriter {
        removeCopies(at: path)
        if let sealedPath { removeCopies(at: sealedPath) }
        let (metadata, position) = try HDF5.locked { () throws(StreamError) in
            // HDF5 can read a damaged file; if it writes to one, it may crash or never return.
            let (damaged, metadata) = try StreamFile.open(path, .read)
            defer { damaged.abandon() }
            if metadata.isComplete { throw .sealed(path: path) }
            let position = try damaged.positionBehindLastWholeRollout()
            damaged.abandon()
            let file = try StreamFile.open(path, .repair, columns: damaged.columns)
            try file.cut(behind: position)
            try file.close()
            return (metadata, position)
        }
        try calls.synchronizeFile(path)
        return StreamWriter(
            path: path, sealedPath: sealedPath ?? path, metadata: metadata, position: position, hasFile: true,
            folderIsDurable: false, calls: calls)
    }
}

extension StreamMetadata {
    /// What differs in what makes a stream this stream; the software's version and times may differ.
    ///
    /// Nil where they are the same stream. The words name the first attribute that differs, with both values.
    ///
    /// Times, versions and `first_policy_version` may differ.
    func difference(from found: StreamMetadata) -> String? {
        let pairs: [(String, String, String)] = [
            ("environment", environment.name, found.environment.name),
            ("environment_json", environment.json, found.environment.json),
            ("task_id", "\(task.id)", "\(found.task.id)"), ("task_json", task.json, found.task.json),
            ("split", task.split.rawValue, found.task.split.rawValue),
            ("repetition", "\(repetition)", "\(found.repetition)"), ("actor", "\(actor)", "\(found.actor)"),
            ("source_algorithm", sourceAlgorithm, found.sourceAlgorithm), ("seed", "\(seed)", "\(found.seed)"),
        ]
        return pairs.first { $0.1 != $0.2 }.map { "\($0.0) is \($0.2), expected \($0.1)" }
    }
}

extension StreamFile {
    /// Finds the last rollout whose rows are all there and whole.
    ///
    /// Looks from the back: what a crash tears is the end of a file, at most what one flush wrote
    /// (`StreamWriter.largestFlushRollouts`). Throws `damaged` where more is missing, or where a whole rollout lies
    /// behind a damaged one.
    ///
    /// Flags of all rows are read, since final observations are found by counting them.
    func positionBehindLastWholeRollout() throws(StreamError) -> StreamPosition {
        let recorded = try count(ColumnIndex.rollouts)
        let records = try readRollouts(0..<recorded)
        var rows = Int.max
        for index in ColumnIndex.transitions { rows = min(rows, try count(index)) }
        let flags = try readFlags(0..<rows)
        let finals = try count(ColumnIndex.finalObservations)
        let chain = EpisodeEnds(records: RolloutRecord.unbroken(records, rows: rows), flags: flags)
        var kept = chain.records.count
        while kept > 0, try !isWhole(kept - 1, of: chain, finals: finals) { kept -= 1 }
        if let survivor = try lastWhole(in: kept..<recorded, of: records, flags: flags, finals: finals) {
            throw .damaged(
                path: path, problem: "rollout \(kept) is damaged, though rollout \(survivor) behind it is whole")
        }
        if recorded - kept > StreamWriter.largestFlushRollouts {
            throw .damaged(
                path: path, problem: "the last \(recorded - kept) of its \(recorded) rollouts do not match their rows")
        }
        return chain.position(behind: kept)
    }

    /// Makes every column end there.
    ///
    /// Longer columns lose their end, shorter ones are made longer: a column may have been torn anywhere.
    func cut(behind position: StreamPosition) throws(StreamError) {
        for index in columns.indices {
            let length = position.count(of: index)
            if try extent(index) != length { try setCount(index, length) }
        }
    }

    /// The last of the rollouts `range`, which lie behind damage, that is whole all the same. What a crash tears is the
    /// end of a stream alone, so where there is one, something else has been at work.
    ///
    /// Nil where nothing behind the damage is whole, as after a crash.
    private func lastWhole(
        in range: Range<Int>, of records: [RolloutRecord], flags: [UInt8], finals: Int
    ) throws(StreamError) -> Int? {
        for index in range.suffix(StreamFile.examinedSurvivors).reversed() {
            let record = records[index]
            guard record.sequence == UInt64(index), record.length > 0, record.firstStep <= UInt64(flags.count),
                record.length <= UInt64(flags.count) - record.firstStep
            else { continue }
            let rows = Int(record.firstStep)..<Int(record.endStep)
            let own = flags[rows].count { $0 != 0 }
            // Final observations are counted from the front and from the back: a damaged flag spoils only one of the
            // two counts.
            let before = flags[..<rows.lowerBound].count { $0 != 0 }
            let after = flags[rows.upperBound...].count { $0 != 0 }
            for first in [before, finals - after - own] where first >= 0 && first + own <= finals {
                if try matches(record, rows, first..<(first + own)) { return index }
            }
        }
        return nil
    }

    /// From the back: more would take long on a file that is full of damage.
    private static let examinedSurvivors = 64

    /// Whether rollout `index` can be read and matches its checksum. What cannot be read does not match.
    ///
    /// Throws only where the disk is full.
    private func isWhole(_ index: Int, of chain: EpisodeEnds, finals: Int) throws(StreamError) -> Bool {
        let record = chain.records[index]
        let ends = chain.finals(before: index)..<chain.finals(before: index + 1)
        if ends.upperBound > finals { return false }
        return try matches(record, Int(record.firstStep)..<Int(record.endStep), ends)
    }

    /// Whether the rows can be read and have the rollout's checksum.
    private func matches(
        _ record: RolloutRecord, _ rows: Range<Int>, _ finals: Range<Int>
    ) throws(StreamError) -> Bool {
        do throws(StreamError) {
            return UInt64(try readRows(rows, finals: finals).checksum) == record.checksum
        } catch {
            if case .diskFull = error { throw error }
            return false
        }
    }
}
