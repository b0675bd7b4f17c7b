package import Environments
import Experience
package import Histories
import Settings

/// Collects the streams that a model may be taught with: sealed ones of train tasks, all of one environment. What an
/// earlier distilled model recorded does not count, nor do streams of actors that joined a lifetime after its
/// beginning.
///
/// Streams are asked for in the order in which they come: a limit of streams a lifetime keeps the first ones.
package struct LearningHistories: Sendable {
    private let settings: WindowSettings
    /// Streams that were left out because they are damaged, whether or not their recorder has given them up.
    package fileprivate(set) var quarantined: [String] = []
    private var streamsOfLifetime: [LifetimeIdentifier: Int] = [:]
    private var tasks: Set<Int> = []
    /// The environment of the streams; nil before the first.
    package var environment: EnvironmentDescription? { arrays?.environment }
    /// By the task's description, which streams of one task share.
    private var views: [String: any ObservationView] = [:]
    /// What was appended so far; nil before the first stream.
    package private(set) var arrays: StreamArrays?

    /// Nothing read yet. Throws `SettingsError` for settings out of range.
    package init(settings: WindowSettings) throws {
        try settings.validate()
        self.settings = settings
    }

    /// Reads what counts of a run, a folder of histories or one file. Throws `StreamError` for a damaged stream and
    /// `StreamArraysError` when nothing counts.
    package init(
        path: String, settings: WindowSettings, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) throws {
        var reading = try HistoriesReading(path: path, settings: settings)
        while try reading.readNext() != nil { progress(reading.filesRead, reading.fileCount) }
        self = try reading.finish()
    }

    /// Ids of the tasks that are learnt from, ascending.
    package var trainedTasks: [Int] { tasks.sorted() }

    /// Whether a stream counts, by what it says about itself. A held-out task's stream never does.
    package func accepts(_ metadata: StreamMetadata) -> Bool {
        guard metadata.task.split == .train, metadata.isComplete, !metadata.isOfEvaluation else {
            return false
        }
        // The stream of an actor that joined in mid-lifetime lacks the beginning of the learning.
        guard metadata.firstPolicyVersion == 0 else { return false }
        guard let maximum = settings.maximumStreamsPerLifetime else { return true }
        return streamsOfLifetime[lifetime(metadata), default: 0] < maximum
    }

    /// Adds the finished episodes of a stream. Throws `StreamArraysError` when it is of another environment.
    package mutating func append(_ stream: StreamContents) throws {
        let metadata = stream.metadata
        var appended = arrays ?? StreamArrays(environment: metadata.environment)
        let view = try view(of: metadata)
        if view != nil { try check(stream) }
        arrays = nil
        defer { arrays = appended.streamCount > 0 ? appended : nil }
        try appended.append(stream, view: view)
        tasks.insert(metadata.task.id)
        streamsOfLifetime[lifetime(metadata), default: 0] += 1
    }

    /// A view trusts what it looks at. Throws `damaged` where a stored observation is not in its space.
    private func check(_ stream: StreamContents) throws {
        let space = stream.metadata.environment.stored.space
        let outside = stream.rows[.observations].withUnsafeBytes { space.firstOutside($0) }
        guard let outside else { return }
        throw StreamError.damaged(
            path: stream.path, problem: "row \(outside): the stored observation is outside its space")
    }

    /// What is seen of a stream's observations. Throws `EnvironmentError` where its attributes do not say.
    private mutating func view(of metadata: StreamMetadata) throws -> (any ObservationView)? {
        guard metadata.environment.hasView else { return nil }
        if let known = views[metadata.task.json] { return known }
        let view = try metadata.makeView()
        views[metadata.task.json] = view
        return view
    }

    /// The lifetime that a stream belongs to, by which streams are counted.
    private func lifetime(_ metadata: StreamMetadata) -> LifetimeIdentifier {
        LifetimeIdentifier(task: metadata.task.id, repetition: metadata.repetition)
    }
}

/// The streams that count of a run, a folder of histories or one file, read one file after the other: the caller does
/// other things in between, such as telling how far it is, however many files there are.
package struct HistoriesReading: Sendable {
    private let folder: StreamFolder
    private var histories: LearningHistories
    package private(set) var filesRead = 0

    /// Lists the files. Throws `StreamError` where there are none.
    package init(path: String, settings: WindowSettings) throws {
        histories = try LearningHistories(settings: settings)
        folder = try StreamFolder(path: path)
        histories.quarantined = folder.quarantined
    }

    /// Files that are read in all, those that turn out not to count among them.
    package var fileCount: Int { folder.files.count }
    /// Transitions of the streams read so far.
    package var transitions: Int { histories.arrays?.rowCount ?? 0 }

    /// Reads one more file; gives the transitions that came with it, 0 where the stream does not count, nil when all
    /// are read. A damaged stream is left out and counts as given up. Throws `StreamError` for what cannot be read for
    /// another reason, and `StreamArraysError` for a stream of another environment.
    package mutating func readNext() throws -> Int? {
        guard filesRead < folder.files.count else { return nil }
        let before = transitions
        let path = folder.files[filesRead]
        do {
            let reader = try StreamReader(path: path)
            defer { reader.close() }
            if histories.accepts(reader.metadata) { try histories.append(StreamContents(reader)) }
        } catch StreamError.damaged {
            // As one that its recorder has given up: the others are learnt from. A recorder finds the damage only when it
            // opens the stream, which it may never do again where the catalogue was lost too.
            histories.quarantined.append(path)
        }
        filesRead += 1
        return transitions - before
    }

    /// All that was read. Throws `StreamArraysError` when nothing counts.
    package func finish() throws -> LearningHistories {
        guard histories.arrays != nil else {
            throw StreamArraysError(
                "none of the \(fileCount) streams in \(folder.path) can be learnt from: expected sealed streams of the "
                    + "train split")
        }
        return histories
    }
}
