import CHDF5
import Environments
import Experience
import Files
import Glibc

/// The datasets of one open stream file. Every call is made under `HDF5.locked`.
///
/// Everything is an absolute place: rows are written from row `start` on, however often it is tried, so that a failed
/// write may be repeated. Columns are named by their index in `columns` (`ColumnIndex`). Belongs to the writer or
/// reader that opened it.
final class StreamFile {
    /// How HDF5 opens the file. SWMR (single writer, multiple readers) lets readers follow a file that grows.
    enum Mode {
        /// Appending, readable by others meanwhile (SWMR).
        case append
        /// Alone, after a crash: the mark that a dead writer left is cleared and stale file lengths are put right.
        case repair
        /// Sealed, growing or left by a dead writer.
        case read
    }

    /// Of the file on the disk, or the name of one that is made in memory.
    let path: String
    /// In the order of `StreamColumn.all`; every `Int` that names a column is an index into it.
    private(set) var columns: [StreamColumn] = []
    private let file: hid_t
    /// Where it is made; nil where it is on the disk.
    private let memory: MemoryImage?
    /// By column, in the order of `columns`.
    private(set) var datasets: [hid_t] = []
    /// False after `close`, whether it succeeded or not.
    private var isOpen = true

    /// The open file alone; `open` and `create` add the datasets.
    private init(path: String, file: hid_t, memory: MemoryImage? = nil) {
        self.path = path
        self.file = file
        self.memory = memory
    }

    deinit { abandon() }

    /// Opens an existing file whose datasets are known.
    ///
    /// A writer knows its columns, so that no attribute has to be read. Throws `damaged` for other datasets.
    static func open(_ path: String, _ mode: Mode, columns: [StreamColumn]) throws(StreamError) -> StreamFile {
        let stream = StreamFile(path: path, file: try openIdentifier(path, mode))
        stream.columns = columns
        try stream.openDatasets()
        return stream
    }

    /// Opens an existing file whose attributes say what it holds.
    ///
    /// Throws `damaged` for what is no stream of this layout.
    static func open(_ path: String, _ mode: Mode) throws(StreamError) -> (StreamFile, StreamMetadata) {
        let stream = StreamFile(path: path, file: try openIdentifier(path, mode))
        let metadata = try StreamMetadata(from: stream.file, path: path)
        stream.columns = StreamColumn.all(of: metadata.environment)
        try stream.openDatasets()
        return (stream, metadata)
    }

    /// Throws `damaged` for an empty file, otherwise what the library says.
    private static func openIdentifier(_ path: String, _ mode: Mode) throws(StreamError) -> hid_t {
        // The library would take an empty file for a new one.
        if fileSize(path) == 0 { throw .damaged(path: path, problem: "it is empty") }
        let access = try accessList(path)
        let identifier: hid_t
        switch mode {
        case .append:
            // The file may have been damaged while it was not open.
            let status = H5Pset_metadata_read_attempts(access.raw, metadataReadAttempts)
            try HDF5.check(status, path, "describe the access")
            identifier = H5Fopen(path, distillery_h5_read_write() | distillery_h5_swmr_write(), access.raw)
        case .read:
            let status = H5Pset_metadata_read_attempts(access.raw, metadataReadAttempts)
            try HDF5.check(status, path, "describe the access")
            identifier = H5Fopen(path, distillery_h5_read_only() | distillery_h5_swmr_read(), access.raw)
        case .repair:
            // As the tool h5clear does: clear the dead writer's mark, and accept an end of file that lags behind.
            var yes = true
            try HDF5.check(H5Pset(access.raw, "clear_status_flags", &yes), path, "clear the writer's mark")
            try HDF5.check(H5Pset(access.raw, "skip_eof_check", &yes), path, "accept the file's length")
            identifier = H5Fopen(path, distillery_h5_read_write(), access.raw)
        }
        try HDF5.check(identifier, path, "open the file")
        if mode == .repair, H5Fincrement_filesize(identifier, 0) < 0 {
            // Without this step new chunks could be put over live ones behind a stale end of allocation.
            let failure = HDF5.failure(path, "put the file's length right")
            H5Fclose(identifier)
            throw failure
        }
        return identifier
    }

    /// The bytes of a small file, made in memory. `path` names it in errors.
    /// - Parameters:
    ///   - counts: as for `create`
    ///   - body: writes its rows
    ///
    /// The library writes to memory as it would to a disk; `path` need not exist.
    static func image(
        _ path: String, metadata: StreamMetadata, counts: [Int]?, _ body: (StreamFile) throws(StreamError) -> Void
    ) throws(StreamError) -> [UInt8] {
        let memory = MemoryImage()
        let stream = try create(path, metadata: metadata, counts: counts, in: memory)
        do throws(StreamError) {
            try body(stream)
            // The file may be longer than the rows that were written to it.
            try stream.flush()
        } catch {
            stream.abandon()
            throw error
        }
        try stream.close()
        return try memory.bytes(path)
    }

    /// Makes a new file with empty datasets, over whatever was there.
    /// - Parameters:
    ///   - counts: final rows of every column for a sealed file (compressed), nil for a growing one.
    ///   - memory: where it is made; nil for the disk
    ///
    /// A growing file has chunks and no compression; a sealed one is as long as `counts` from the beginning.
    static func create(
        _ path: String, metadata: StreamMetadata, counts: [Int]?, in memory: MemoryImage? = nil
    ) throws(StreamError) -> StreamFile {
        let access = try accessList(path)
        if let memory {
            let status = distillery_h5_make_in_memory(access.raw, MemoryImage.stepBytes, memory.raw)
            try HDF5.check(status, path, "describe the access")
        }
        let creation = try HDF5Identifier(
            H5Pcreate(distillery_h5_file_create()), closing: H5Pclose, path, "describe a file")
        // All attributes stay in the root group's header, which HDF5 checks by a checksum of its own.
        try HDF5.check(H5Pset_attr_phase_change(creation.raw, 64, 0), path, "describe a file")
        let identifier = H5Fcreate(path, distillery_h5_truncate(), creation.raw, access.raw)
        try HDF5.check(identifier, path, "create the file")
        let stream = StreamFile(path: path, file: identifier, memory: memory)
        stream.columns = StreamColumn.all(of: metadata.environment)
        for (index, column) in stream.columns.enumerated() {
            stream.datasets.append(try stream.createDataset(column, count: counts?[index]))
        }
        try metadata.write(to: identifier, path: path)
        return stream
    }

    /// Latest format, one small metadata cache, no chunk cache: rows go straight to their place.
    private static func accessList(_ path: String) throws(StreamError) -> HDF5Identifier {
        let access = try HDF5Identifier(
            H5Pcreate(distillery_h5_file_access()), closing: H5Pclose, path, "describe the access")
        let status = [
            H5Pset_libver_bounds(access.raw, H5F_LIBVER_V110, H5F_LIBVER_V110),
            distillery_h5_bound_metadata_cache(access.raw, metadataCacheBytes),
            H5Pset_cache(access.raw, 0, 0, 0, 0.75),
            H5Pset_fclose_degree(access.raw, H5F_CLOSE_STRONG),
        ]
        if status.contains(where: { $0 < 0 }) { throw HDF5.failure(path, "describe the access") }
        return access
    }

    /// 64 KiB for each open file.
    private static let metadataCacheBytes = 64 << 10

    /// How often metadata that do not match their checksum are read again, because a writer may be at work on them.
    /// The pauses double from one nanosecond: 8 ms in all. HDF5's own 100 attempts would never end on a damaged file.
    private static let metadataReadAttempts: UInt32 = 23

    /// `count`: final rows for a sealed file, nil for a growing one.
    private func createDataset(_ column: StreamColumn, count: Int?) throws(StreamError) -> hid_t {
        let what = "create dataset \(column.name)"
        let row = column.shape.map { hsize_t($0) }
        let dimensions = [hsize_t(count ?? 0)] + row
        let maximum = [count.map { hsize_t($0) } ?? distillery_h5_unlimited()] + row
        let space = try HDF5Identifier(
            H5Screate_simple(Int32(dimensions.count), dimensions, maximum), closing: H5Sclose, path, what)
        let creation = try HDF5Identifier(H5Pcreate(distillery_h5_dataset_create()), closing: H5Pclose, path, what)
        try HDF5.check(H5Pset_obj_track_times(creation.raw, false), path, what)
        if let count {
            try describeSealed(column, count: count, creation.raw, what)
        } else {
            let chunk = [hsize_t(column.growingChunkRows)] + row
            try HDF5.check(H5Pset_chunk(creation.raw, Int32(chunk.count), chunk), path, what)
            try HDF5.check(H5Pset_fill_time(creation.raw, H5D_FILL_TIME_NEVER), path, what)
        }
        return try HDF5.check(
            H5Dcreate2(file, column.name, column.type.identifier, space.raw, 0, creation.raw, 0), path, what)
    }

    /// Whole columns are known when a file is sealed: short ones are stored in one piece, others in chunks.
    private func describeSealed(
        _ column: StreamColumn, count: Int, _ creation: hid_t, _ what: String
    ) throws(StreamError) {
        // A sealed column is written once and as a whole.
        guard column.isCompressed(count: count) else {
            return try check(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER), what)
        }
        let chunk = [hsize_t(column.sealedChunkRows(count: count))] + column.shape.map { hsize_t($0) }
        try check(H5Pset_chunk(creation, Int32(chunk.count), chunk), what)
        // The end of a compressed chunk is compressed too: zeros, not what happened to be in memory.
        try check(H5Pset_fill_time(creation, H5D_FILL_TIME_ALLOC), what)
        try check(H5Pset_shuffle(creation), what)
        try check(H5Pset_deflate(creation, StreamFile.deflateLevel), what)
    }

    /// With this file's path in the error.
    private func check(_ status: herr_t, _ what: String) throws(StreamError) { try HDF5.check(status, path, what) }

    /// Level 1: higher ones make these columns hardly smaller and take several times as long.
    private static let deflateLevel: UInt32 = 1

    /// `rollouts` first: data are flushed before it, so all columns are then at least as long as it says.
    ///
    /// Throws `damaged` where one is missing or has another type or shape than the environment's spaces say.
    private func openDatasets() throws(StreamError) {
        defer { datasets.reverse() }
        for column in columns.reversed() {
            let dataset = H5Dopen2(file, column.name, 0)
            if dataset < 0 {
                _ = HDF5.failure(path, "")
                throw .damaged(path: path, problem: "dataset \(column.name) is missing or unreadable")
            }
            datasets.append(dataset)
            try checkShape(of: column, dataset)
        }
    }
}

// MARK: Rows

extension StreamFile {
    /// Rows of a column that can be there: a dataset may claim more than it holds, by malice or because its writer
    /// was killed or found the disk full between making room and writing.
    ///
    /// Takes longer the longer the column is, since the library adds up its chunks: a writer, which knows how far it is,
    /// does not ask.
    func count(_ column: Int) throws(StreamError) -> Int {
        min(try extent(column), try largestCount(of: column))
    }

    /// Rows that a column claims to have.
    ///
    /// May be more than `count`.
    func extent(_ column: Int) throws(StreamError) -> Int {
        let what = "read the size of \(columns[column].name)"
        let space = try HDF5Identifier(H5Dget_space(datasets[column]), closing: H5Sclose, path, what)
        var dimensions = [hsize_t](repeating: 0, count: 1 + columns[column].shape.count)
        try HDF5.check(H5Sget_simple_extent_dims(space.raw, &dimensions, nil), path, what)
        guard let count = Int(exactly: dimensions[0]) else {
            throw .damaged(path: path, problem: "\(columns[column].name) has \(dimensions[0]) rows")
        }
        return count
    }

    /// Makes a column `count` rows long, longer or shorter than it was.
    ///
    /// New rows are undefined until they are written; rows that are cut are gone.
    func setCount(_ column: Int, _ count: Int) throws(StreamError) {
        let dimensions = [hsize_t(count)] + columns[column].shape.map { hsize_t($0) }
        try HDF5.check(H5Dset_extent(datasets[column], dimensions), path, "resize \(columns[column].name)")
    }

    /// Writes `values`, whole rows, from row `start` on; the column must be long enough.
    func write<Value: BitwiseCopyable>(_ column: Int, at start: Int, _ values: [Value]) throws(StreamError) {
        try values.withUnsafeBufferPointer { values throws(StreamError) in
            try write(column, at: start, UnsafeRawBufferPointer(values))
        }
    }

    private func write(_ column: Int, at start: Int, _ bytes: UnsafeRawBufferPointer) throws(StreamError) {
        let count = bytes.count / columns[column].rowBytes
        guard count > 0, let address = bytes.baseAddress else { return }
        try transfer(column, at: start, count: count, "append to") { dataset, type, memory, file in
            H5Dwrite(dataset, type, memory, file, 0, address)
        }
    }

    /// Reads the rows `range` of a column.
    ///
    /// Throws `inputOutput` where the library cannot read them. `zero` fills the array before it is read into.
    func read<Value: BitwiseCopyable>(
        _ column: Int, _ range: Range<Int>, as type: Value.Type, zero: Value
    ) throws(StreamError) -> [Value] {
        if range.isEmpty { return [] }
        let count = range.count * columns[column].rowBytes / MemoryLayout<Value>.size
        var values = [Value](repeating: zero, count: count)
        try transfer(column, at: range.lowerBound, count: range.count, "read") { dataset, type, memory, file in
            H5Dread(dataset, type, memory, file, 0, &values)
        }
        return values
    }

    /// Row-wise slices: whole rows from `start` on, in memory and in the file.
    private func transfer(
        _ column: Int, at start: Int, count: Int, _ verb: String, _ body: (hid_t, hid_t, hid_t, hid_t) -> herr_t
    ) throws(StreamError) {
        let what = "\(verb) rows \(start)..<\(start + count) of \(columns[column].name)"
        let row = columns[column].shape.map { hsize_t($0) }
        let extent = [hsize_t(count)] + row
        let origin = [hsize_t(start)] + row.map { _ in hsize_t(0) }
        let memory = try HDF5Identifier(
            H5Screate_simple(Int32(extent.count), extent, nil), closing: H5Sclose, path, what)
        let file = try HDF5Identifier(H5Dget_space(datasets[column]), closing: H5Sclose, path, what)
        try HDF5.check(H5Sselect_hyperslab(file.raw, H5S_SELECT_SET, origin, nil, extent, nil), path, what)
        try HDF5.check(body(datasets[column], columns[column].type.identifier, memory.raw, file.raw), path, what)
    }

    /// Hands everything written so far to the operating system, in an order that readers can follow.
    ///
    /// Not yet durable: that takes an fdatasync of `duplicateDescriptor`.
    ///
    /// Between data and `rollouts` it keeps their order for readers; before an fdatasync it hands over the rest.
    func flush() throws(StreamError) {
        try HDF5.check(H5Fflush(file, H5F_SCOPE_GLOBAL), path, "flush")
    }

    /// A descriptor of the file for fdatasync, to be closed by the caller; it outlives the library's own.
    ///
    /// An fdatasync through it makes durable what `flush` handed over, while the library goes on with the file.
    func duplicateDescriptor() throws(StreamError) -> Int32 {
        var handle: UnsafeMutableRawPointer?
        try HDF5.check(H5Fget_vfd_handle(file, 0, &handle), path, "find the file's descriptor")
        let descriptor = handle.map { dup($0.load(as: Int32.self)) } ?? -1
        if descriptor < 0 { throw systemFailure(path, "duplicate the file's descriptor") }
        return descriptor
    }

    /// Writes 1 into the attribute `complete`.
    ///
    /// In a copy that is still without its name, so that no growing file says that it is complete.
    func markComplete() throws(StreamError) {
        try StreamMetadata.writeComplete(to: file, path: path)
    }

    /// Closes the file, writing what is left. A failure leaves the file as a crash would.
    ///
    /// May be called twice.
    func close() throws(StreamError) {
        guard isOpen else { return }
        isOpen = false
        for dataset in datasets { H5Dclose(dataset) }
        try HDF5.check(H5Fclose(file), path, "close the file")
    }

    /// Closes without caring for what could not be written.
    ///
    /// For files that are not trusted, and for readers, which have nothing to write.
    func abandon() {
        do throws(StreamError) { try close() } catch { _ = error }
    }
}

/// errno as a `StreamError`.
///
/// Must come right after the call that failed.
func systemFailure(_ path: String, _ operation: String) -> StreamError {
    let code = errno
    if FileError.isLackOfRoom(code) { return .diskFull(path: path, operation: operation) }
    return .inputOutput(path: path, operation: operation, message: String(cString: strerror(code)), code: code)
}
