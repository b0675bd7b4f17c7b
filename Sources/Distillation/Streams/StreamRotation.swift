import Environments
import Experience
import Files

/// Histories that do not fit in memory: some streams are there at a time, and change as training goes on.
///
/// All files have their places in one order, drawn once from how many there are. In memory is a piece of that order, as
/// long as fits; as training shows rows of it, the streams behind it are read and those at its front dropped, around and
/// around. So a quarter as many rows are read as are shown, however many files there are, every stream is in memory for as
/// long as the others, and none twice. Which streams are there follows from the steps of training alone: the position is
/// part of a checkpoint, and a training that goes on from it reads nothing but that piece.
///
///     order:   c a f d b e g      in memory: f d b, then d b e, then b e g, then e g c ...
package struct StreamRotation {
    /// Which piece of the order is in memory, and how far its front is from being dropped.
    package struct Position: Equatable, Sendable {
        /// Place of the first file.
        package var first = 0
        /// Files, those without a stream that counts among them.
        package var count = 0
        /// Rows that were shown, and not made up for by reading a quarter as many; below 0 where more was read.
        package var owed = 0

        package init() {}

        /// From `description`; nil for other words.
        package init?(_ words: String) {
            let numbers = words.split(separator: " ", omittingEmptySubsequences: false).map { Int($0) }
            let limit = 1_000_000_000_000
            guard numbers.count == 3, let first = numbers[0], let count = numbers[1], let owed = numbers[2],
                (0...limit).contains(first), (0...limit).contains(count), (-limit...limit).contains(owed)
            else { return nil }
            (self.first, self.count, self.owed) = (first, count, owed)
        }

        /// `12 345 6789`: first, count, owed.
        package var description: String { "\(first) \(count) \(owed)" }
    }

    /// Of this share of the memory the piece is filled, so that there is room for a stream that comes before one that goes.
    static let filledShare = 15.0 / 16
    /// Streams are changed when so large a part of the rows in memory is due, for a change costs a look at all of them.
    static let partsOfChange = 64
    /// How often each row that is read is shown, in the mean.
    static let shownOfRead = 4

    /// Files that may hold a stream that counts, in the order of rotation.
    let order: [FollowedFile]
    /// What windows are drawn from.
    let selection: StreamSelection?
    /// How many files a checkpoint asks for; nil for as many as fit.
    let wanted: Int?
    package internal(set) var position: Position
    /// The piece is in memory.
    package internal(set) var isFilled = false
    /// What training goes on from.
    let begin: Position
    /// Something was shown since it was filled.
    var hasTurned = false

    /// `begin`: of a checkpoint; nil for a new training. One that is not of these files is as none.
    init(_ files: [FollowedFile], selection: StreamSelection?, begin: Position?) {
        let order = Self.shuffled(Self.selectable(files, selection))
        let begin = begin.flatMap { $0.first < order.count && (1...order.count).contains($0.count) ? $0 : nil }
        self.order = order
        self.selection = selection
        self.begin = begin ?? Position()
        wanted = begin?.count
        position = self.begin
        position.count = 0
    }

    var isEverythingInMemory: Bool { position.count >= order.count }
    /// The file that comes next; nil where all are in memory.
    var next: FollowedFile? {
        isEverythingInMemory ? nil : order[(position.first + position.count) % order.count]
    }
    var front: FollowedFile? { position.count > 0 ? order[position.first] : nil }

    mutating func dropFront() {
        position.first = (position.first + 1) % order.count
        position.count -= 1
    }

    /// The first files of each folder where not all streams of a lifetime count.
    private static func selectable(_ files: [FollowedFile], _ selection: StreamSelection?) -> [FollowedFile] {
        let sorted = files.sorted { $0.path < $1.path }
        guard let limit = selection?.streamsPerLifetime else { return sorted }
        var seen: [String: Int] = [:]
        return sorted.filter { file in
            let folder = Folder.of(file.path)
            seen[folder, default: 0] += 1
            return seen[folder, default: 0] <= limit
        }
    }

    private static func shuffled(_ files: [FollowedFile]) -> [FollowedFile] {
        TaskSplit(testTasks: 0, seed: 0).order(count: files.count).map { files[$0] }
    }
}

// MARK: - Memory

extension HistoriesReading {
    var isFull: Bool { streams.byteCount > memory }

    /// In words, where not everything is in memory; nil where it is.
    package var memoryNote: String? {
        let limit = "distil.memory_mebibytes = \(memory >> 20)"
        if let rotation {
            guard !rotation.isEverythingInMemory else { return nil }
            return
                "the streams do not fit in \(limit): of \(rotation.order.count) files \(rotation.position.count) are in "
                + "memory at a time, and change as training goes on"
        }
        guard isHeld else { return nil }
        return "\(limit) is full: streams that are recorded from now on are read when collection is over"
    }

    /// Begins training on histories that do not fit, or goes on with it where `position` says. Does nothing where they
    /// fit. Afterwards `advance` reads what belongs in memory then.
    package func rotate(from position: StreamRotation.Position?, selection: StreamSelection) {
        guard let rotation else { return }
        let isThat = rotation.selection == selection && rotation.begin == position ?? .init()
        guard !isThat || rotation.hasTurned else { return }
        beginRotation(selection, from: position)
    }

    func beginRotation(_ selection: StreamSelection?, from position: StreamRotation.Position? = nil) {
        for file in files.values { forget(file) }
        streams.removeAll()
        rotation = StreamRotation(Array(files.values), selection: selection, begin: position)
        isScanning = false
        isComplete = false
    }

    /// Reads a slice of what belongs in memory. True while there is more.
    func fill() throws -> Bool {
        var rows = 0
        var looked = 0
        while let file = rotation?.next, !isFilled, looked < Self.filesPerSlice, rows < transitionsPerSlice {
            rows += try lookAtNext(file).rows
            looked += 1
        }
        guard rotation?.next == nil || isFilled else { return true }
        rotation?.isFilled = true
        if scans == 0 { scans = 1 }
        isComplete = true
        return false
    }

    /// Reads a slice of the file that comes next, which is in memory once there is no more of it.
    private func lookAtNext(_ file: FollowedFile) throws -> (rows: Int, more: Bool) {
        let result = try look(at: file)
        if !result.more { rotation?.position.count += 1 }
        onProgress?()
        return result
    }

    /// What a new training begins with, or what a checkpoint has asked for, is in memory.
    private var isFilled: Bool {
        guard let rotation else { return true }
        if let wanted = rotation.wanted { return rotation.position.count >= wanted }
        return Double(streams.byteCount) >= StreamRotation.filledShare * Double(memory)
    }

    /// Rows of windows were shown to a model: the streams in memory change, where not all of them are. Throws as
    /// `advance` does.
    package func noteShown(rows: Int) throws {
        guard let rotation, rotation.isFilled, !rotation.isEverythingInMemory else { return }
        self.rotation?.position.owed += rows
        self.rotation?.hasTurned = true
        let change = max(1, streams.rowCount / StreamRotation.partsOfChange)
        guard rotation.position.owed + rows >= StreamRotation.shownOfRead * change else { return }
        while let owed = self.rotation?.position.owed, owed > 0, let file = self.rotation?.next {
            var (read, isMore) = (0, true)
            while isMore {
                let rows: Int
                (rows, isMore) = try lookAtNext(file)
                read += rows
            }
            // A file without a row has its price, too: among files of no stream that counts the search has an end.
            self.rotation?.position.owed -= StreamRotation.shownOfRead * max(1, read)
            while isFull, let front = self.rotation?.front, front !== file {
                drop(front)
                self.rotation?.dropFront()
            }
        }
    }
}
