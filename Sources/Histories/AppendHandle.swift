import Experience

/// The right to append to one stream file, which is open only while there is room.
///
/// HDF5 spends 0.6 MB on an open file, most of it on a table of fixed size, so at most `openFileLimit` stay open and
/// the others are opened again (0.3 ms) when it is their turn. Every call is made under `HDF5.locked`. A writer owns
/// exactly one; any writer's `open` may close the file of another, which has nothing unwritten then.
final class AppendHandle {
    /// 128 files are 80 MB.
    static let openFileLimit = 128

    private let path: String
    /// What the file must have, so that its attributes need not be read each time.
    private let columns: [StreamColumn]
    /// Nil while the file is closed, which is its usual state where many streams are open.
    private var file: StreamFile?
    /// A write failed: the library's picture of the file is not to be trusted any more.
    private var isSuspect = false

    /// Opens nothing yet.
    init(path: String, columns: [StreamColumn]) {
        self.path = path
        self.columns = columns
    }

    /// The file if it is open.
    var opened: StreamFile? { file }

    /// The open file; opens it, and closes another one where too many are open.
    ///
    /// Throws what opening throws. After a failed write the file is first opened in `repair` mode, alone.
    func open() throws(StreamError) -> StreamFile {
        if let file { return file }
        if isSuspect {
            try StreamFile.open(path, .repair, columns: columns).close()
            isSuspect = false
        }
        AppendHandle.open.makeRoom()
        let opened = try StreamFile.open(path, .append, columns: columns)
        file = opened
        AppendHandle.open.handles.append(self)
        return opened
    }

    /// Closes the file if it is open. What was not flushed is lost.
    ///
    /// Throws where the library could not write its last metadata; the handle is then suspect.
    func close() throws(StreamError) {
        guard let closing = file else { return }
        file = nil
        AppendHandle.open.handles.removeAll { $0 === self }
        do throws(StreamError) { try closing.close() } catch {
            isSuspect = true
            throw error
        }
    }

    /// After a failed write: lets go of the file, so that the next `open` starts from what is on the disk.
    func distrust() {
        do throws(StreamError) { try close() } catch { _ = error }
        isSuspect = true
    }

    /// All handles of the process whose files are open.
    private static let open = OpenHandles()
}

/// Unchecked: only touched under `HDF5.locked`.
private final class OpenHandles: @unchecked Sendable {
    var handles: [AppendHandle] = []
    /// A fixed key: which file is closed changes no result.
    private var choice = PhiloxSequence(Philox(key0: 0, key1: 0), purpose: .other)

    /// Streams take turns, so the least recently used is the next to be wanted: a random one is the better victim.
    ///
    /// Called before a file is opened, so that the limit is never passed.
    func makeRoom() {
        while handles.count >= AppendHandle.openFileLimit {
            let victim = handles[Int.random(in: handles.indices, using: &choice)]
            // Everything was flushed; a failure to write the last mark is put right when the file is opened again.
            do throws(StreamError) { try victim.close() } catch { _ = error }
        }
    }
}
