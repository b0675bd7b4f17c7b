package import Environments
import Experience
import Glibc
import Histories

/// Keeps a store of streams up to date with a folder that may still be recorded into: a run, a folder of histories, or
/// one file.
///
/// What counts are streams of train tasks by a source algorithm that was observed from the lifetime's beginning; what an
/// earlier distilled model recorded does not. While the histories grow, growing streams count with what is in them; once
/// they are collected (`historiesAreComplete`), sealed streams alone, and the store then holds what one that was read
/// at once holds.
///
/// A scan looks at all files and reads what is new in those that changed, in slices between which the owner does other
/// things. Scans begin 3 s apart, so that what a recorder has acknowledged is in the store some seconds later. Between
/// slices no file is open. A stream whose file is another than before is dropped as a whole and read anew: two attempts
/// at a lifetime never mix. One thread; it outlives the distillation that it was made for, and serves the next.
///
/// What does not fit in `memory` is not read while the histories grow, and read in turn once they are collected
/// (`StreamRotation`).
package final class HistoriesReading {
    /// From the beginning of a scan to that of the next.
    package static let scanIntervalNanoseconds: UInt64 = 3_000_000_000
    /// A slice ends when it has read so many files, or so many transitions: some tens of milliseconds.
    package static let filesPerSlice = 16
    package let transitionsPerSlice: Int

    package let path: String
    /// What was read.
    package let streams: StreamStore
    /// Called after each file.
    package var onProgress: (() -> Void)?
    /// Called with the name of a stream that is left out, and why.
    package var onLeftOut: ((_ path: String, _ reason: String) -> Void)?
    /// What counts for at least one of those whom it serves; nothing else is kept in memory.
    private var selection: StreamSelection?
    private var listings = FolderListings()
    private(set) var files: [String: FollowedFile] = [:]
    /// Of the scan at hand, in order; those before `next` were looked at.
    private var queue: [FollowedFile] = []
    private var next = 0
    private var scanNumber = 0
    private var scanBegan: UInt64 = 0
    var isScanning = false
    /// Bytes of columns that may be in memory, not counting one stream that is being read.
    package var memory: Int
    /// Nil where everything fits, as far as it was read.
    package var rotation: StreamRotation?
    /// Nothing new is read while the histories grow: there is no room.
    private(set) var isHeld = false
    /// Streams that their recorder has given up.
    private var marked: [String] = []
    /// No more streams come.
    private var isCollected = false
    /// The scan at hand began when everything was collected already.
    private var isLastScan = false
    /// By the task's description, which streams of one task share.
    private var views: [String: any ObservationView] = [:]
    /// Whole scans that were made.
    package internal(set) var scans = 0
    /// Everything that will ever count was read.
    package internal(set) var isComplete = false

    /// Nothing is looked at yet. `environment`: of every stream that counts. `memory`: bytes.
    package init(
        path: String, environment: EnvironmentDescription, memory: Int = .max, transitionsPerSlice: Int = 1 << 18
    ) {
        self.path = path
        self.transitionsPerSlice = transitionsPerSlice
        self.memory = memory
        streams = StreamStore(environment: environment)
    }

    /// Streams of `more` are read too, from the next scan on. What is in memory stays there.
    package func widen(to more: StreamSelection) {
        let union = selection?.union(more) ?? more.union(more)
        guard union != selection else { return }
        selection = union
        if rotation == nil { isComplete = false }
    }

    /// Collection is over: one more scan, and nothing will come after it.
    package func historiesAreComplete() { isCollected = true }

    /// Streams that were left out because they are damaged, whether or not their recorder has given them up, sorted.
    package var quarantined: [String] {
        (marked + files.values.filter { $0.problem != nil }.map(\.path)).sorted()
    }

    /// Streams in memory that are sealed, of those that count.
    package func sealedCount(of selection: StreamSelection) -> Int {
        selection.chosen(from: streams.streams).count(where: \.isSealed)
    }

    /// Files of the scan at hand, or those that take turns, and how many of them were looked at, or are in memory.
    package var fileCount: Int { rotation.map { $0.wanted ?? $0.order.count } ?? queue.count }
    package var filesRead: Int { rotation?.position.count ?? next }

    /// The scan at hand takes long: who trains meanwhile should give it all its time.
    package func isUrgent(now: UInt64) -> Bool { isScanning && now > scanBegan + Self.scanIntervalNanoseconds }

    /// Does a slice of a scan, where one is at hand or due; true where it should be called again at once. `now`: of a
    /// monotonic clock, nanoseconds. Throws `HistoriesError` for a stream of another environment; for what cannot be
    /// found or read `StreamError`, but only once the histories are collected: before that it is tried again.
    package func advance(now: UInt64) throws -> Bool {
        if let rotation { return try !rotation.isFilled && fill() }
        guard isScanning else {
            guard !isComplete, scans == 0 || isCollected || now >= scanBegan + Self.scanIntervalNanoseconds else {
                return false
            }
            try beginScan(now: now)
            return isScanning || rotation != nil
        }
        var transitions = 0
        var looked = 0
        while next < queue.count, looked < Self.filesPerSlice, transitions < transitionsPerSlice {
            let file = queue[next]
            let (rows, more) = try look(at: file)
            transitions += rows
            looked += 1
            if !more { next += 1 }
            onProgress?()
            if isFull, makeRoom(for: file) { return true }
        }
        if next == queue.count { endScan() }
        return isScanning
    }
}

/// A file that was seen under its name, and what is known of it.
final class FollowedFile {
    let path: String
    /// Of the last scan that saw it.
    var scan = 0
    /// When it was last looked at.
    var stamp: FileStamp?
    var tail = StreamTail()
    /// What was read of it.
    var stream: StoredStream?
    /// Why it is left out, or what it had grown by could not be read.
    var problem: String?
    /// Its lifetime, where its stream would count if more were selected.
    var unselected: LifetimeIdentifier?

    init(path: String) { self.path = path }
}

// MARK: - Scans

extension HistoriesReading {
    /// Lists what there is, and queues what may have changed.
    private func beginScan(now: UInt64) throws {
        scanBegan = now
        isLastScan = isCollected
        let folder: StreamFolder
        do throws(StreamError) {
            folder = try StreamFolder(path: path, listings: &listings)
        } catch {
            guard !isLastScan else { throw error }
            // Nothing was recorded yet, or the folder cannot be read just now.
            scans += 1
            return
        }
        if isLastScan, let reason = folder.reasonElsewhere(below: "histories") { throw HistoriesError(reason) }
        scanNumber += 1
        marked = folder.quarantined
        queue = []
        for path in folder.files {
            let file = files[path] ?? FollowedFile(path: path)
            files[path] = file
            file.scan = scanNumber
            if isHeld, !isLastScan, file.stream == nil { continue }
            if mayHaveChanged(file) { queue.append(file) }
        }
        for file in files.values where file.scan != scanNumber {
            drop(file)
            files[file.path] = nil
        }
        next = 0
        isScanning = true
        if isHeld, isLastScan { beginRotation(selection) }
    }

    /// There is more than fits: what was read last leaves again, and nothing new is read until the histories are
    /// collected. Then the streams take turns; true where that begins.
    private func makeRoom(for file: FollowedFile) -> Bool {
        isHeld = true
        guard !isLastScan else {
            beginRotation(selection)
            return true
        }
        drop(file)
        next = queue.count
        return false
    }

    /// Whether a look at the file may give something that the last one did not.
    private func mayHaveChanged(_ file: FollowedFile) -> Bool {
        if let lifetime = file.unselected, isSelected(lifetime, file.path) { return true }
        guard let stamp = FileStamp(path: file.path), let earlier = file.stamp else { return true }
        return !stamp.provesUnchanged(since: earlier)
    }

    private func endScan() {
        // One that was damaged has left its place to a later one of its lifetime.
        let missed = files.values.filter { $0.unselected.map { [path = $0.path] in isSelected($0, path) } ?? false }
        guard missed.isEmpty || isHeld else {
            queue += missed.sorted { $0.path < $1.path }
            return
        }
        isScanning = false
        scans += 1
        guard isLastScan else { return }
        for file in files.values { if let stream = file.stream, !stream.isSealed { drop(file) } }
        isComplete = true
    }

    /// Whether a stream of that name is one of those to keep, beside those that are.
    private func isSelected(_ lifetime: LifetimeIdentifier, _ path: String) -> Bool {
        let selection = rotation?.selection ?? selection
        guard selection?.tasks?.contains(lifetime.task) ?? true else { return false }
        guard let limit = selection?.streamsPerLifetime else { return true }
        return streams.streamCount(of: lifetime, before: path) < limit
    }

    /// What was read of a file counts no more.
    func drop(_ file: FollowedFile) {
        if let stream = file.stream { streams.remove(stream) }
        forget(file)
    }

    /// Its stream is not in the store any more.
    func forget(_ file: FollowedFile) {
        file.stream = nil
        file.tail = StreamTail()
    }
}

// MARK: - Files

extension HistoriesReading {
    /// Reads what is new in a file, up to a slice. Gives the transitions, and whether there is more.
    func look(at file: FollowedFile) throws -> (rows: Int, more: Bool) {
        // Taken before the file is opened: what comes meanwhile is seen the next time.
        file.stamp = FileStamp(path: file.path)
        file.unselected = nil
        do {
            let finding = try file.tail.read(path: file.path, rowLimit: transitionsPerSlice) {
                counts($0, file)
            }
            let result: (Int, Bool)
            switch finding {
            case .refused:
                drop(file)
                result = (0, false)
            case .replaced:
                drop(file)
                result = (0, true)
            case .piece(let piece): result = (piece.rows.range.count, try take(piece, of: file))
            }
            file.problem = nil
            return result
        } catch let error as StreamError {
            try leaveOut(file, error)
            return (0, false)
        }
    }

    /// Whether a stream counts, by what it says about itself. A held-out task's stream never does.
    private func counts(_ metadata: StreamMetadata, _ file: FollowedFile) -> Bool {
        guard metadata.task.split == .train, !metadata.isOfEvaluation, metadata.isComplete || !isLastScan else {
            return false
        }
        // The stream of an actor that joined in mid-lifetime lacks the beginning of the learning.
        guard metadata.firstPolicyVersion == 0 else { return false }
        let lifetime = metadata.lifetime
        guard file.stream == nil, !isSelected(lifetime, file.path) else { return true }
        file.unselected = lifetime
        return false
    }

    /// Hands over what was read. Gives whether there is more.
    private func take(_ piece: StreamTail.Piece, of file: FollowedFile) throws -> Bool {
        let metadata = piece.metadata
        guard metadata.environment == streams.environment else {
            throw HistoriesError(
                "\(file.path) is of \(metadata.environment.name) \(metadata.environment.json), expected "
                    + "\(streams.environment.name) \(streams.environment.json); a model is taught with one environment")
        }
        do { try check(piece, of: file) } catch {
            // The tail is behind what the stream does not have.
            drop(file)
            throw error
        }
        let stream = try file.stream ?? begin(metadata, file)
        let before = stream.episodeCount
        stream.append(piece)
        if piece.isLast, metadata.isComplete, !stream.isSealed { stream.seal() }
        streams.measure(stream)
        if stream.isSealed || stream.episodeCount > before { streams.noteChange() }
        return !piece.isLast
    }

    private func begin(_ metadata: StreamMetadata, _ file: FollowedFile) throws -> StoredStream {
        let stream = StoredStream(
            name: file.path, lifetime: metadata.lifetime, environment: streams.environment, view: try view(of: metadata)
        )
        file.stream = stream
        streams.insert(stream)
        return stream
    }

    /// A view trusts what it looks at. Throws `damaged` where a stored observation is not in its space.
    private func check(_ piece: StreamTail.Piece, of file: FollowedFile) throws {
        guard streams.environment.hasView else { return }
        let space = streams.environment.stored.space
        guard let outside = piece.rows[.observations].withUnsafeBytes({ space.firstOutside($0) }) else { return }
        throw StreamError.damaged(
            path: file.path,
            problem: "row \(piece.rows.range.lowerBound + outside): the stored observation is outside its space")
    }

    /// What is seen of a stream's observations. Throws `EnvironmentError` where its attributes do not say.
    private func view(of metadata: StreamMetadata) throws -> (any ObservationView)? {
        guard metadata.environment.hasView else { return nil }
        if let known = views[metadata.task.json] { return known }
        let view = try metadata.makeView()
        views[metadata.task.json] = view
        return view
    }

    /// What cannot be read. While the histories grow, what was read of it before stays: it was checked, and the file
    /// may be whole again at the next look. In the end a damaged stream is left out as one that its recorder has given
    /// up; a recorder finds the damage only when it opens the stream, which it may never do again.
    private func leaveOut(_ file: FollowedFile, _ error: StreamError) throws {
        switch error {
        case .inputOutput(_, _, _, ENOENT): return drop(file)
        case .damaged: if isLastScan { drop(file) }
        default:
            guard !isLastScan else { throw error }
            file.stamp = nil
        }
        if file.problem == nil, file.stamp?.isSettled ?? true { onLeftOut?(file.path, "\(error)") }
        file.problem = "\(error)"
    }
}

extension StreamMetadata {
    /// The lifetime that a stream of histories belongs to.
    fileprivate var lifetime: LifetimeIdentifier {
        LifetimeIdentifier(task: task.id, repetition: repetition)
    }
}
