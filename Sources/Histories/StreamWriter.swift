import Environments
package import Experience
import Glibc

/// One growing stream file, used by one thread at a time.
///
/// `append` keeps rollouts in memory; `flush` makes them durable in the order data, `rollouts`, fdatasync; what lies
/// below `durableCount` may be acknowledged. Flush when `isFlushDue`. End with `seal` or `close`: a writer that is
/// dropped loses what was not flushed, as a crash does.
///
/// A recorder has one for each open stream. A writer is in one of four states: without a file (everything is in
/// memory), growing, replaced (the sealed file has the name, which may not be durable yet), or unusable after a failed
/// fdatasync.
///
///     if writer.isFlushDue(now: now) { try writer.flush() }
///     acknowledge(rolloutsBelow: writer.durableCount)
package final class StreamWriter {
    /// A flush is due when this many rows, or this many rollouts, wait.
    package static let flushRows = 1024
    /// A flush is due when this many bytes wait.
    package static let flushBytes = 4 << 20
    /// A flush is due when a rollout has waited for this long, however few rows wait.
    package static let flushNanoseconds: UInt64 = 500_000_000
    /// Most rollouts that may wait for one flush, and therefore the most that a crash can tear.
    package static let largestFlushRollouts = 2 * flushRows

    /// Where the stream grows. Beside it lies `.creating` while it is made.
    package let path: String
    /// Where the sealed stream belongs, by default in the place of the growing one. Beside it lies `.sealing` while it is
    /// made.
    package let sealedPath: String
    /// What the file says, or will say when it is made.
    package private(set) var metadata: StreamMetadata
    /// Where the stream stands, rollouts in memory included.
    package private(set) var position: StreamPosition
    /// Where the stream stands on disk.
    package private(set) var durablePosition: StreamPosition
    /// The `now` of the first rollout that is not durable yet, in nanoseconds; nil when all are.
    package private(set) var oldestPendingTime: UInt64?

    /// In the order of `StreamColumn.all`.
    let columns: [StreamColumn]
    /// What a rollout has to have been checked against.
    let layout: RolloutLayout
    let handle: AppendHandle
    /// The operating system's, or a test's.
    let calls: FileCalls
    /// Bytes that wait to be flushed, one array a column in the order of `RolloutColumn.allCases`.
    private(set) var pending: [[UInt8]]
    /// Their rows of `rollouts`, in order.
    private(set) var pendingRecords: [RolloutRecord] = []
    /// There is a growing file of it; until then everything is in memory.
    private(set) var hasFile: Bool
    /// The sealed file has taken the place, though its name may not be durable yet.
    private(set) var isReplaced = false
    /// The file is new: its folder has to reach the disk too.
    private var folderIsDurable: Bool
    /// The file after the last flush, while it stays open.
    private var place: FilePlace?
    /// The counts of its recorder; nil in tools and tests.
    private var tally: WriterTally?
    /// fdatasync failed: the system may have dropped what it could not write, only `recover` can tell.
    private(set) var syncFailed = false

    /// For a stream that is new, or was just recovered: nothing waits.
    init(
        path: String, sealedPath: String, metadata: StreamMetadata, position: StreamPosition, hasFile: Bool,
        folderIsDurable: Bool, calls: FileCalls
    ) {
        self.path = path
        self.sealedPath = sealedPath
        self.calls = calls
        self.hasFile = hasFile
        self.metadata = metadata
        self.position = position
        self.durablePosition = position
        self.folderIsDurable = folderIsDurable
        columns = StreamColumn.all(of: metadata.environment)
        layout = metadata.environment.rolloutLayout
        handle = AppendHandle(path: path, columns: columns)
        pending = RolloutColumn.allCases.map { _ in [] }
    }

    deinit {
        tally?.remove(self)
        let handle = handle
        HDF5.locked { handle.distrust() }
    }

    /// The sequence number that `append` expects.
    ///
    /// Rollouts in memory count.
    package var nextSequence: UInt64 { position.rollouts }
    /// Every rollout with a sequence number below this is durable.
    ///
    /// Also where the stream stood when it was taken up.
    package var durableCount: UInt64 { durablePosition.rollouts }
    /// Transitions in memory that are not on disk.
    package var pendingRows: Int { position.rows - durablePosition.rows }
    /// Rollouts in memory that are not on disk, marks of an end without rows included.
    package var pendingRollouts: Int { pendingRecords.count }
    /// Bytes of their columns; the rows of `rollouts` are not counted.
    package private(set) var pendingBytes = 0 {
        didSet { tally?.pendingBytes += pendingBytes - oldValue }
    }
    /// How often the file was deleted while it was open, and put back.
    package private(set) var restoredCount = 0

    /// 1,024 rows, 4 MiB or 500 ms are waiting. `now` on the clock that `append` is given.
    ///
    /// False where nothing waits.
    package func isFlushDue(now: UInt64) -> Bool {
        guard let oldestPendingTime else { return false }
        return isFull || now >= oldestPendingTime + StreamWriter.flushNanoseconds
    }

    /// 1,024 rows or 4 MiB are waiting.
    ///
    /// Marks of an end count as rollouts, though they have no rows.
    package var isFull: Bool {
        pendingRows >= StreamWriter.flushRows || pendingBytes >= StreamWriter.flushBytes
            || pendingRecords.count >= StreamWriter.flushRows
    }

    /// Keeps one rollout for the next flush.
    /// - Parameters:
    ///   - rollout: as its carrier sent it: its rows and its checksum are not looked at again
    ///   - now: nanoseconds on any clock, for `isFlushDue`
    ///   - wallClock: nanoseconds since 1970, what `rollouts` records
    /// - Throws: `outOfOrder` where the sequence number is not `nextSequence`, `invalidRollout` where it contradicts
    ///   the
    ///   stream; the stream is unchanged then.
    package func append(
        _ rollout: CheckedRollout, now: UInt64, wallClock: UInt64 = StreamWriter.wallClock()
    ) throws(StreamError) {
        let (header, rows) = (rollout.header, rollout.rows)
        guard header.sequence == nextSequence else {
            throw .outOfOrder(path: path, expected: nextSequence, got: header.sequence)
        }
        if let problem = problem(rollout) { throw .invalidRollout(path: path, problem: problem) }
        if !hasFile, position.rollouts == 0 {
            // A carrier may send rollouts again that an earlier recorder, which died, had not written to any file.
            metadata.firstPolicyVersion = min(metadata.firstPolicyVersion, header.policyVersion)
        }
        pendingRecords.append(RolloutRecord(header, firstStep: position.rows, wallClock: max(wallClock, 1)))
        for column in RolloutColumn.allCases {
            let bytes = rows[column]
            pending[column.rawValue].append(contentsOf: bytes)
            pendingBytes += bytes.count
        }
        position.advance(
            incarnation: header.incarnation, policyVersion: header.policyVersion, firstEpisode: header.firstEpisode,
            length: header.length, finished: header.finishedEpisodes, endsEpisode: rows.endsEpisode)
        if oldestPendingTime == nil { oldestPendingTime = now }
    }

    /// CRC-32C of its rollouts from `first` on, at most `limit`. Where `first` is durable they are read from the file,
    /// and those that wait in memory are not among them.
    ///
    /// A sender that lives something again compares them with its own. Throws where the file cannot be read.
    package func checksums(from first: UInt64, limit: Int) throws(StreamError) -> [UInt32] {
        guard first < durableCount else {
            return pendingRecords.dropFirst(Int(first - durableCount)).prefix(limit).map { UInt32($0.checksum) }
        }
        if isReplaced { return try StreamEnd.checksums(at: sealedPath, from: first, limit: limit) }
        let range = Int(first)..<Int(min(first + UInt64(limit), durableCount))
        let records = try HDF5.locked { () throws(StreamError) in try handle.open().readRollouts(range) }
        return records.map { UInt32($0.checksum) }
    }

    /// Makes everything that was appended durable.
    ///
    /// - Throws: `diskFull` and other errors; nothing is lost then and the call may be repeated, but for a failure of
    ///   fdatasync, after which only closing and `recover` help.
    package func flush() throws(StreamError) {
        if let failure = StreamWriter.flush([self])[0] { throw failure }
    }

    /// As `flush` of each, with one wait for the disk. What failed of each, nil where nothing did.
    ///
    /// Errors are independent: a full disk for one stream does not keep another's from being flushed. Blocks for as
    /// long as the slowest sync.
    package static func flush(_ writers: [StreamWriter]) -> [StreamError?] {
        var failures: [StreamError?] = Array(repeating: nil, count: writers.count)
        var written: [(index: Int, descriptor: Int32)] = []
        for (index, writer) in writers.enumerated() {
            do throws(StreamError) {
                if let descriptor = try writer.write() { written.append((index, descriptor)) }
            } catch { failures[index] = error }
        }
        let files = written.map { (descriptor: $0.descriptor, path: writers[$0.index].path) }
        let synced = ParallelSync.run(files.count) { (index) throws(StreamError) in
            if fdatasync(files[index].descriptor) != 0 { throw systemFailure(files[index].path, "sync the file") }
        }
        for ((index, descriptor), failure) in zip(written, synced) {
            do throws(StreamError) { try writers[index].noteWritten(descriptor, failure) } catch {
                failures[index] = error
            }
        }
        return failures
    }

    /// Hands what waits to the operating system. A descriptor to sync; nil where nothing is left to do.
    ///
    /// Throws `StreamError` and leaves everything in memory then. After an error of the library the file is closed, and
    /// opened anew in `repair` mode next time.
    ///
    /// Runs on the calling thread, under HDF5's lock.
    private func write() throws(StreamError) -> Int32? {
        try checkSync()
        guard !pendingRecords.isEmpty else { return nil }
        guard !isReplaced else {
            try calls.makeDurable(nameOf: sealedPath)
            forgetPending()
            return nil
        }
        guard hasFile else {
            try createFile()
            return nil
        }
        try checkPlace()
        return try HDF5.locked { () throws(StreamError) -> Int32 in
            do throws(StreamError) { return try writePending(to: handle.open()) } catch {
                handle.distrust()
                throw error
            }
        }
    }

    /// Closes the descriptor. `failure`: what fdatasync said, nil where it succeeded.
    ///
    /// `place` is noted only then, so that `checkPlace` compares with a file that was whole.
    private func noteWritten(_ descriptor: Int32, _ failure: StreamError?) throws(StreamError) {
        defer { Glibc.close(descriptor) }
        if let failure {
            syncFailed = true
            throw failure
        }
        if !folderIsDurable {
            try calls.makeDurable(nameOf: path)
            folderIsDurable = true
        }
        place = FilePlace(descriptor: descriptor)
        forgetPending()
    }

    /// Makes the growing file with what waits to be flushed. It appears under its name only when it is whole, so a
    /// reader never sees half of one.
    ///
    /// Throws what writing throws; the temporary file is removed then, and everything stays in memory.
    func createFile() throws(StreamError) {
        try checkNameIsFree(path)
        try makeFolders(of: path)
        let temporary = path + ".creating"
        do throws(StreamError) {
            let image = try HDF5.locked { () throws(StreamError) in
                try StreamFile.image(temporary, metadata: metadata, counts: nil) { (file) throws(StreamError) in
                    try writeRows(to: file)
                }
            }
            try calls.writeFile(temporary, image)
            // After this sync no crash leaves a file that is empty or all zeros: one that is was damaged.
            try calls.synchronizeFile(temporary)
            try calls.replaceFile(temporary, path)
        } catch {
            unlink(temporary)
            throw error
        }
        hasFile = true
        guard !pendingRecords.isEmpty else { return }
        // While the file is open, `checkPlace` notices a name that is gone or leads elsewhere.
        let descriptor = try HDF5.locked { () throws(StreamError) in try handle.open().duplicateDescriptor() }
        defer { Glibc.close(descriptor) }
        try calls.makeDurable(nameOf: path)
        folderIsDurable = true
        place = FilePlace(descriptor: descriptor)
        forgetPending()
    }

    /// From now on its bytes and itself are counted in `tally`, until the writer is freed or counted elsewhere.
    ///
    /// A writer is counted in one tally at a time.
    package func count(in tally: WriterTally) {
        self.tally?.remove(self)
        self.tally = tally
        tally.add(self)
    }

    /// The sealed file has taken the place: from now on nothing is written, and a flush makes its name durable.
    func noteReplaced() { isReplaced = true }

    /// Notices that the file was deleted, replaced or cut behind our back, as far as that can be seen from outside. A
    /// deleted file that is still open gets its name back.
    /// - Throws: `damaged`
    ///
    /// Costs a look at the name before each flush. Where the file is closed between flushes nothing can be compared.
    func checkPlace() throws(StreamError) {
        guard let place, HDF5.locked({ handle.opened != nil }) else { return }
        guard let found = FilePlace(path: path) else { return try putBack() }
        guard found.isSameFile(as: place) else {
            throw .damaged(path: path, problem: "another file was put in its place while it was being written")
        }
        if found.size < place.size {
            throw .damaged(
                path: path, problem: "it was cut from \(place.size) to \(found.size) bytes while it was being written")
        }
    }

    /// The name is gone but the open file is whole up to the last flush: a copy of it takes the name.
    ///
    /// The copy is of the descriptor, since the name leads to nothing any more.
    private func putBack() throws(StreamError) {
        let temporary = path + ".creating"
        try makeFolders(of: path)
        let descriptor = try HDF5.locked { () throws(StreamError) in try handle.open().duplicateDescriptor() }
        defer { Glibc.close(descriptor) }
        do throws(StreamError) {
            try copyFile(descriptor, to: temporary)
            try calls.synchronizeFile(temporary)
            try calls.replaceFile(temporary, path)
        } catch {
            unlink(temporary)
            throw error
        }
        // The next flush syncs the folder.
        folderIsDurable = false
        HDF5.locked { handle.distrust() }
        place = nil
        restoredCount += 1
    }

    /// Closes the file without flushing: what was not flushed is lost, as in a crash.
    package func abandon() { HDF5.locked { handle.distrust() } }

    /// Flushes, closes the file and leaves it growing: `recover` takes it up again.
    package func close() throws(StreamError) {
        try flush()
        try HDF5.locked { () throws(StreamError) in try handle.close() }
    }

    /// Nanoseconds since 1970.
    ///
    /// By the host's clock, which may be set back.
    package static func wallClock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension StreamWriter {
    /// As `writeRows`. Gives a descriptor to sync.
    ///
    /// On an error nothing may be assumed of the file: the caller distrusts it.
    private func writePending(to file: StreamFile) throws(StreamError) -> Int32 {
        try writeRows(to: file)
        try file.flush()
        return try file.duplicateDescriptor()
    }

    /// Data, then `rollouts`. Repeatable: lengths and places are absolute.
    private func writeRows(to file: StreamFile) throws(StreamError) {
        guard !pendingRecords.isEmpty else { return }
        for index in 0..<ColumnIndex.rollouts {
            let (start, end) = (durablePosition.count(of: index), position.count(of: index))
            if end == start { continue }
            try file.setCount(index, end)
            try file.write(index, at: start, pending[index])
        }
        try file.flush()
        let fields = pendingRecords.flatMap(\.fields)
        try file.setCount(ColumnIndex.rollouts, Int(position.rollouts))
        try file.write(ColumnIndex.rollouts, at: Int(durablePosition.rollouts), fields)
    }

    /// After a flush: everything that was appended is durable.
    func forgetPending() {
        for index in pending.indices {
            pending[index].removeAll(keepingCapacity: pending[index].capacity <= StreamWriter.keptBytes)
        }
        pendingRecords.removeAll(keepingCapacity: true)
        pendingBytes = 0
        oldestPendingTime = nil
        durablePosition = position
    }

    /// Memory that a column's buffer keeps between flushes.
    private static let keptBytes = 64 << 10

    /// Rows of a column that are not in the file yet, `rollouts` included.
    ///
    /// As bytes, for a sealed copy that is made from memory.
    func pendingBytes(of index: Int) -> [UInt8] {
        guard index == ColumnIndex.rollouts else { return pending[index] }
        return pendingRecords.flatMap(\.fields).withUnsafeBytes { Array($0) }
    }
}
