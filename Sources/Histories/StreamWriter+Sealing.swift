import Environments
import Glibc

extension StreamWriter {
    /// Flushes, then puts a compressed copy with `complete` = 1 in the place of the growing file. The writer is done.
    ///
    /// The copy is verified before it takes the place: what the disk has changed since it was written is not sealed.
    /// A crash leaves either the growing file or the sealed one. After an error the call may be repeated.
    /// - Throws: `damaged` where what was written is no longer there; the growing file is left as it was
    package func seal() throws(StreamError) {
        try flush()
        try checkPlace()
        let temporary = path + ".sealing"
        do throws(StreamError) {
            try HDF5.locked { () throws(StreamError) in try copyCompressed(to: temporary) }
            try check(temporary)
            try synchronizeFile(temporary)
            try replaceFile(temporary, path)
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronizeFolder(of: path)
    }

    private func check(_ temporary: String) throws(StreamError) {
        let found = StreamVerification(path: temporary)
        if let problem = found.problems.first { throw .damaged(path: path, problem: problem) }
        guard found.isSealed, found.rollouts == Int(position.rollouts), found.rows == position.rows else {
            throw .damaged(
                path: path,
                problem: "\(found.rollouts) rollouts and \(found.rows) rows are left of \(position.rollouts) and "
                    + "\(position.rows)")
        }
    }

    private func copyCompressed(to temporary: String) throws(StreamError) {
        let source = try handle.open()
        let counts = columns.indices.map { position.count(of: $0) }
        let target = try StreamFile.create(temporary, metadata: metadata, counts: counts)
        for (index, column) in columns.enumerated() {
            let chunkRows = column.sealedChunkRows(count: counts[index])
            let pieceRows = chunkRows * max(1, StreamWriter.copiedBytes / (chunkRows * column.rowBytes))
            for start in stride(from: 0, to: counts[index], by: pieceRows) {
                let range = start..<min(start + pieceRows, counts[index])
                try target.write(index, at: start, source.read(index, range, as: UInt8.self, zero: 0))
            }
        }
        try target.markComplete()
        try target.close()
        try handle.close()
    }

    /// Memory for copying, at least one chunk.
    private static let copiedBytes = 4 << 20
}
