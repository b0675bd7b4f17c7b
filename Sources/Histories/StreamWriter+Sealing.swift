import Environments
import Glibc

extension StreamWriter {
    /// Flushes, then puts a compressed copy with `complete` = 1 in the place of the growing file. The writer is done.
    ///
    /// A crash leaves either the growing file or the sealed one. After an error the call may be repeated.
    package func seal() throws(StreamError) {
        try flush()
        let temporary = path + ".sealing"
        do throws(StreamError) {
            try HDF5.locked { () throws(StreamError) in try copyCompressed(to: temporary) }
            try synchronizeFile(temporary)
            try replaceFile(temporary, path)
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronizeFolder(of: path)
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
