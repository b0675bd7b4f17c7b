import Experience
import Glibc

/// Reads one stream file: sealed, growing, or left by a dead writer. One thread at a time.
///
/// What it shows is the state when it was opened. HDF5 shares open files inside a process, so close the reader before
/// a writer of this process opens, recovers or seals the same file.
package final class StreamReader {
    /// As it was given to `init(path:)`.
    package let path: String
    /// Checked against the file's checksum of its attributes.
    package let metadata: StreamMetadata
    /// All rows of `rollouts`, unchecked.
    package let rollouts: [RolloutRecord]
    /// Bytes on disk.
    package let fileBytes: Int
    /// Lengths of the datasets, in the order of `StreamColumn.all`.
    let counts: [Int]
    private var file: StreamFile?

    /// Throws `StreamError`: `damaged` for what is not a stream, with what is wrong.
    package init(path: String) throws(StreamError) {
        guard let bytes = fileSize(path) else { throw systemFailure(path, "open the file") }
        self.path = path
        fileBytes = bytes
        (metadata, rollouts, counts, file) = try StreamReader.reading { () throws(StreamError) in
            let (file, metadata) = try StreamFile.open(path, .read)
            var counts: [Int] = []
            for index in file.columns.indices { counts.append(try file.count(index)) }
            return (metadata, try file.readRollouts(0..<counts[ColumnIndex.rollouts]), counts, file)
        }
    }

    deinit { close() }

    /// Lets go of the file.
    ///
    /// May be called twice. Reading afterwards throws `inputOutput` with EBADF.
    package func close() {
        HDF5.locked {
            file?.abandon()
            file = nil
        }
    }

    /// Rows that all columns of transitions have.
    ///
    /// Less than the longest column where a writer was killed between two columns.
    package var rowCount: Int { counts[ColumnIndex.transitions].min() ?? 0 }
    /// Rows of `final_observations`, whether a rollout covers them or not.
    package var finalCount: Int { counts[ColumnIndex.finalObservations] }

    /// Reads rows `range` and final observations `finals`, which must lie inside `rowCount` and `finalCount`.
    ///
    /// Throws `StreamError`. Safe while a writer of another process appends: what lay below the lengths at opening does
    /// not change.
    package func rows(_ range: Range<Int>, finals: Range<Int>) throws(StreamError) -> StreamRows {
        try StreamReader.reading { () throws(StreamError) in try opened().readRows(range, finals: finals) }
    }

    /// For every row whether it ends its episode, 0 or not.
    func flags(_ range: Range<Int>) throws(StreamError) -> [UInt8] {
        try StreamReader.reading { () throws(StreamError) in try opened().readFlags(range) }
    }

    /// Throws EBADF after `close`.
    private func opened() throws(StreamError) -> StreamFile {
        guard let file else {
            throw .inputOutput(path: path, operation: "read", message: "the reader was closed", code: EBADF)
        }
        return file
    }

    /// Under the library's lock. What the library cannot open or decode, though the system has nothing against it, is
    /// `damaged`: no sound stream.
    static func reading<Result>(_ body: () throws(StreamError) -> Result) throws(StreamError) -> Result {
        do throws(StreamError) { return try HDF5.locked(body) } catch {
            if case .inputOutput(let path, let operation, let message, let code) = error, code == 0 {
                throw .damaged(path: path, problem: "cannot \(operation): \(message)")
            }
            throw error
        }
    }
}
