import Experience
import Files
import Glibc

/// The sealing of one stream in bounded pieces: other streams are flushed between them, however long this one is.
///
/// `advance` makes the sealed copy and verifies it; `commit` makes several copies durable and puts them in their
/// places, those of the growing files unless these lie on another disk, so that streams of one folder share its fsync.
/// Until then nothing has changed. After an error `abandon`, and begin anew.
///
///     let sealing = StreamSealing(writer)
///     while try !sealing.advance() { flushWhatIsDue() }
///     let failure = StreamSealing.commit([sealing])[0]
///
/// A stream of up to 1 MiB is copied in one piece, in memory. Belongs to the thread of its writer.
package final class StreamSealing {
    /// Bytes of rows that are copied, or verified, in one piece.
    static let pieceBytes = 1 << 20

    /// A long stream goes through these in order, a short one from `beginning` to `made` in one step.
    private enum Stage {
        case beginning
        case copying(StreamFile, column: Int, row: Int)
        case verifying(StreamVerification.InPieces)
        /// The copy is whole, and not known to be durable.
        case made
        /// The copy has the stream's name, which may not be durable yet.
        case renamed
    }

    /// Kept alive, and not to be appended to, until the sealing is committed or abandoned.
    package let writer: StreamWriter
    /// `actor-0007.h5.sealing`, in the folder of the sealed stream, so that a rename can put it in the place.
    private let temporary: String
    /// Rows of each column, which no longer change.
    private let counts: [Int]
    /// The writer's, so that a test sees and fails them here as well.
    private let calls: FileCalls
    private var stage = Stage.beginning

    /// Nothing may be appended to the writer any more.
    ///
    /// Does nothing yet.
    package init(_ writer: StreamWriter) {
        self.writer = writer
        calls = writer.calls
        temporary = writer.sealedPath + ".sealing"
        counts = writer.columns.indices.map { writer.position.count(of: $0) }
    }

    /// Does a piece of the work. True when there is nothing left but to `commit`.
    ///
    /// Throws `StreamError`: `damaged` where the copy is not what was appended, `diskFull` where it finds no room.
    /// Afterwards call `abandon`.
    package func advance() throws(StreamError) -> Bool {
        switch stage {
        case .beginning: try begin()
        case .copying(let target, let column, let row): try copy(to: target, column, from: row)
        case .verifying(let verification):
            if try verification.advance(bytes: Self.pieceBytes) { try conclude(verification.result) }
        case .made, .renamed: break
        }
        switch stage {
        case .made, .renamed: return true
        default: return false
        }
    }

    /// The copy has taken its place, and only its name is not known to be durable. A sealing that is begun anew finds
    /// the copy there.
    package var isRenamed: Bool { if case .renamed = stage { true } else { false } }

    /// Removes what was made. The growing file is as it was, unless the copy has taken its place already.
    package func abandon() {
        if case .renamed = stage { return }
        if case .copying(let target, _, _) = stage { HDF5.locked { target.abandon() } }
        stage = .beginning
        unlink(temporary)
    }

    // MARK: - Copying

    /// Of all columns, uncompressed.
    private var bytes: Int { zip(writer.columns, counts).reduce(0) { $0 + $1.0.rowBytes * $1.1 } }

    /// It takes more than one piece.
    package var isLong: Bool { bytes > Self.pieceBytes }
    /// Bytes to be copied and then to be verified, so twice those of the stream.
    package var totalBytes: Int { 2 * bytes }
    /// Bytes of `totalBytes` that are behind it; an estimate while it verifies.
    package var doneBytes: Int {
        switch stage {
        case .beginning: 0
        case .copying(_, let column, let row):
            zip(writer.columns, counts).prefix(column).reduce(0) { $0 + $1.0.rowBytes * $1.1 }
                + (column < counts.count ? row * writer.columns[column].rowBytes : 0)
        case .verifying(let verification): bytes + Int(Double(bytes) * verification.share)
        case .made, .renamed: 2 * bytes
        }
    }

    /// A short stream goes all the way here, a long one only gets its file.
    private func begin() throws(StreamError) {
        // An earlier attempt has put the copy in its place already.
        guard !writer.isReplaced else {
            stage = .renamed
            return
        }
        if writer.sealedPath != writer.path || !writer.hasFile { try writer.checkNameIsFree(writer.sealedPath) }
        try NewFolders.make(of: temporary)
        guard !isLong else {
            try writer.flush()
            try writer.checkPlace()
            let target = try HDF5.locked { () throws(StreamError) in
                try StreamFile.create(temporary, metadata: writer.metadata, counts: counts)
            }
            stage = .copying(target, column: 0, row: 0)
            return
        }
        try writer.checkSync()
        if writer.hasFile { try writer.checkPlace() }
        let image = try HDF5.locked { () throws(StreamError) in try copyWhole() }
        try calls.writeFile(temporary, image)
        // Rows that never left the memory were checked when they came; rows that come from the disk may have changed
        // there.
        guard writer.hasFile else {
            stage = .made
            return
        }
        let verification = try StreamVerification.InPieces(path: temporary)
        while try !verification.advance(bytes: Self.pieceBytes) {}
        try conclude(verification.result)
    }

    /// A small stream's copy is made in memory, and written at once.
    ///
    /// Under the lock. The growing file is closed afterwards, since nothing reads it any more.
    private func copyWhole() throws(StreamError) -> [UInt8] {
        let image = try StreamFile.image(temporary, metadata: writer.metadata, counts: counts) {
            (target) throws(StreamError) in
            for index in writer.columns.indices where counts[index] > 0 {
                try target.write(index, at: 0, wholeColumn(index))
            }
            try target.markComplete()
        }
        try writer.handle.close()
        return image
    }

    /// What the growing file has, and what still waits in memory; one that never had a file has all of it there.
    ///
    /// (rows, width) bytes.
    private func wholeColumn(_ index: Int) throws(StreamError) -> [UInt8] {
        let durable = writer.durablePosition.count(of: index)
        let onDisk =
            durable > 0 ? try writer.handle.open().read(index, 0..<durable, as: UInt8.self, zero: 0) : []
        return onDisk + writer.pendingBytes(of: index)
    }

    /// Whole chunks at a time, so that each is compressed once.
    private func copy(to target: StreamFile, _ column: Int, from row: Int) throws(StreamError) {
        guard column < counts.count else { return try finishCopy(target) }
        let rowsOfChunk = writer.columns[column].sealedChunkRows(count: counts[column])
        let rows = rowsOfChunk * max(1, Self.pieceBytes / (rowsOfChunk * writer.columns[column].rowBytes))
        let range = row..<min(row + rows, counts[column])
        try HDF5.locked { () throws(StreamError) in
            try target.write(column, at: row, writer.handle.open().read(column, range, as: UInt8.self, zero: 0))
        }
        stage =
            range.upperBound < counts[column]
            ? .copying(target, column: column, row: range.upperBound) : .copying(target, column: column + 1, row: 0)
    }

    /// The copy is closed before it is verified: a reader of the same process would share its state.
    private func finishCopy(_ target: StreamFile) throws(StreamError) {
        try HDF5.locked { () throws(StreamError) in
            try target.markComplete()
            try target.close()
            try writer.handle.close()
        }
        stage = .verifying(try StreamVerification.InPieces(path: temporary))
    }

    /// Throws `damaged` where the copy is not sound, or has less in it than was appended.
    ///
    /// The numbers are compared as well: a file that lost whole rollouts may still be sound in itself.
    private func conclude(_ found: StreamVerification) throws(StreamError) {
        if let problem = found.problems.first { throw .damaged(path: writer.path, problem: problem) }
        let position = writer.position
        guard found.isSealed, found.rollouts == Int(position.rollouts), found.rows == position.rows else {
            throw .damaged(
                path: writer.path,
                problem: "\(found.rollouts) rollouts and \(found.rows) rows are left of \(position.rollouts) and "
                    + "\(position.rows)")
        }
        stage = .made
    }

    // MARK: - Committing

    /// Makes the copies durable, with one wait for the disk, puts them in their places, and makes their names durable
    /// with another, each folder once. What failed of each, nil where nothing did; one that failed is abandoned.
    ///
    /// Several at once are worth it: copies that are synced together cost little more than one, and so do the folders of
    /// short lifetimes, which have two new ones for each file. Each is independent: one that fails does not keep the
    /// others from their places.
    ///
    /// A folder that several streams share is synced once, and its failure counts for all of them.
    package static func commit(_ sealings: [StreamSealing]) -> [StreamError?] {
        var failures = synchronize(sealings)
        for (index, sealing) in sealings.enumerated() where failures[index] == nil {
            failures[index] = sealing.attempt { (sealing) throws(StreamError) in try sealing.rename() }
        }
        let renamed = sealings.indices.filter { failures[$0] == nil }
        for (index, failure) in zip(renamed, makeNamesDurable(renamed.map { sealings[$0] })) {
            failures[index] = failure
            if failure == nil { sealings[index].writer.noteSealed() } else { sealings[index].abandon() }
        }
        return failures
    }

    /// Syncs the folders in which the copies have got their names, and those above them that are new.
    private static func makeNamesDurable(_ sealings: [StreamSealing]) -> [StreamError?] {
        let names = sealings.map { NewFolders.names(on: $0.writer.sealedPath) }
        var folders: [String: Int] = [:]
        var syncs: [(calls: FileCalls, name: String)] = []
        for (sealing, names) in zip(sealings, names) {
            for name in names where folders[Folder.of(name)] == nil {
                folders[Folder.of(name)] = syncs.count
                syncs.append((sealing.calls, name))
            }
        }
        let failures = ParallelSync.run(syncs.count) { [syncs] (index) throws(StreamError) in
            try syncs[index].calls.synchronizeFolder(syncs[index].name)
        }
        func failure(of name: String) -> StreamError? { folders[Folder.of(name)].flatMap { failures[$0] } }
        NewFolders.noteDurable(names.joined().filter { failure(of: $0) == nil })
        return names.map { $0.lazy.compactMap(failure).first }
    }

    /// Copies that are renamed already have been synced.
    private static func synchronize(_ sealings: [StreamSealing]) -> [StreamError?] {
        let copies = sealings.map { sealing in
            (calls: sealing.calls, path: sealing.isRenamed ? nil : sealing.temporary)
        }
        let failures = ParallelSync.run(copies.count) { (index) throws(StreamError) in
            if let path = copies[index].path { try copies[index].calls.synchronizeFile(path) }
        }
        for (sealing, failure) in zip(sealings, failures) where failure != nil { sealing.abandon() }
        return failures
    }

    /// Nothing where it was renamed before.
    private func rename() throws(StreamError) {
        guard case .made = stage else { return }
        try calls.replaceFile(temporary, writer.sealedPath)
        writer.noteReplaced()
        stage = .renamed
    }

    /// Abandons the sealing where `body` throws.
    private func attempt(_ body: (StreamSealing) throws(StreamError) -> Void) -> StreamError? {
        do throws(StreamError) {
            try body(self)
            return nil
        } catch {
            abandon()
            return error
        }
    }
}
