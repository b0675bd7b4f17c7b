import Environments
import Glibc

extension StreamWriter {
    /// Starts a new stream. The file appears under its name only when it is whole, so a reader never sees half of one.
    /// Folders on the way are made. Throws where there is a file already.
    package static func create(at path: String, metadata: StreamMetadata) throws(StreamError) -> StreamWriter {
        if fileSize(path) != nil {
            throw .inputOutput(path: path, operation: "create the stream", message: "the file exists", code: EEXIST)
        }
        try makeFolders(of: path)
        let temporary = path + ".creating"
        try HDF5.locked { () throws(StreamError) in
            let file = try StreamFile.create(temporary, metadata: metadata, counts: nil)
            try file.close()
        }
        try replaceFile(temporary, path)
        return StreamWriter(path: path, metadata: metadata, position: StreamPosition(), folderIsDurable: false)
    }

    /// Takes the stream up again where there is one, and starts it where there is none or only a half-made file.
    /// Throws `sealed` where it is complete, `mismatch` where the file is that of another stream.
    package static func open(at path: String, metadata: StreamMetadata) throws(StreamError) -> StreamWriter {
        if fileSize(path) == nil { return try create(at: path, metadata: metadata) }
        if isHalfMade(path) {
            if unlink(path) != 0 { throw systemFailure(path, "remove the half-made file") }
            return try create(at: path, metadata: metadata)
        }
        let writer = try recover(at: path)
        if let difference = metadata.difference(from: writer.metadata) {
            throw .mismatch(path: path, problem: difference)
        }
        return writer
    }

    /// Takes up a stream that its writer left, closed or killed: cuts it off behind the last rollout whose checksum
    /// holds. No other process may write the file; readers may have it open.
    package static func recover(at path: String) throws(StreamError) -> StreamWriter {
        unlink(path + ".sealing")
        unlink(path + ".creating")
        let (metadata, position) = try HDF5.locked { () throws(StreamError) in
            let (file, metadata) = try StreamFile.open(path, .repair)
            if metadata.isComplete { throw .sealed(path: path) }
            let position = try file.cutBehindLastWholeRollout()
            try file.close()
            return (metadata, position)
        }
        try synchronizeFile(path)
        return StreamWriter(path: path, metadata: metadata, position: position, folderIsDurable: false)
    }

    /// A machine that stopped before the file's first bytes were on the disk leaves an empty file, or zeros.
    private static func isHalfMade(_ path: String) -> Bool {
        let descriptor = Glibc.open(path, O_RDONLY)
        if descriptor < 0 { return false }
        defer { Glibc.close(descriptor) }
        var signature = [UInt8](repeating: 0, count: 8)
        let count = read(descriptor, &signature, 8)
        return count >= 0 && signature.allSatisfy { $0 == 0 }
    }
}

extension StreamMetadata {
    /// What differs in what makes a stream this stream; the software's version and times may differ.
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
    /// Finds the last rollout whose rows are all there and whole, and makes every column end behind it.
    func cutBehindLastWholeRollout() throws(StreamError) -> StreamPosition {
        let recorded = try count(ColumnIndex.rollouts)
        let records = try readRollouts(0..<recorded)
        var rows = Int.max
        for index in ColumnIndex.transitions { rows = min(rows, try count(index)) }
        let flags = try readFlags(0..<rows)
        let finals = try count(ColumnIndex.finalObservations)
        let chain = EpisodeEnds(records: RolloutRecord.unbroken(records, rows: rows), flags: flags)
        var kept = chain.records.count
        while kept > 0, try !isWhole(kept - 1, of: chain, finals: finals) { kept -= 1 }
        if kept == 0, recorded > StreamWriter.flushRows {
            throw .damaged(path: path, problem: "none of its \(recorded) rollouts has rows that match its checksum")
        }
        let position = chain.position(behind: kept)
        for index in columns.indices {
            let length = position.count(of: index)
            if try extent(index) != length { try setCount(index, length) }
        }
        return position
    }

    /// Whether rollout `index` can be read and matches its checksum. What cannot be read does not match.
    private func isWhole(_ index: Int, of chain: EpisodeEnds, finals: Int) throws(StreamError) -> Bool {
        let record = chain.records[index]
        let ends = chain.finals(before: index)..<chain.finals(before: index + 1)
        if ends.upperBound > finals { return false }
        do throws(StreamError) {
            let rows = try readRows(Int(record.firstStep)..<Int(record.endStep), finals: ends)
            return UInt64(rows.checksum) == record.checksum
        } catch {
            if case .diskFull = error { throw error }
            return false
        }
    }
}
