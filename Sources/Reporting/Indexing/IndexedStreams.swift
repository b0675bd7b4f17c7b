import Catalog
import Environments
import Experience
import Foundation
import Histories

/// Reads stream files one after the other into what a catalogue knows of them.
///
/// Never throws: a file that cannot be read is in `damaged`, and the others count.
struct IndexedStreams {
    /// The run's folder.
    let root: String
    /// Streams in the order in which they were read, damaged ones whose attributes can be read among them.
    private(set) var streams: [IndexedStream] = []
    /// What is wrong with files, each with its path.
    private(set) var damaged: [String] = []
    /// Streams of whose files not even the attributes can be read: the path says which they are, and they count as given
    /// up. Their recorder says the same when it opens them, which it may never do again.
    private(set) var unreadable: [HistoriesIndex.Quarantined] = []
    /// Optimum and random return are properties of a task, and take a while to be found out: each environment's
    /// distribution is built once, and each task of it asked for once, however many streams it has.
    private var distributions: [EnvironmentDescription: any TaskDistribution] = [:]
    /// By environment and task, also where nothing is known of a task, so that it is asked for once.
    private var bounds: [EnvironmentDescription: [Task: ReturnBounds]] = [:]

    /// `root`: the run's folder, without a slash at its end; files are given by paths below it.
    init(root: String) { self.root = root }

    /// The stream that a recorder gave up, and its words; nil where the file is no stream of this run.
    ///
    /// A recorder leaves a mark beside a file that it could not go on with; the mark holds the reason in words.
    func quarantined(_ file: String) -> HistoriesIndex.Quarantined? {
        guard let stream = identifier(of: file), let mark = StreamQuarantine(of: file) else { return nil }
        return HistoriesIndex.Quarantined(stream, reason: mark.reason)
    }

    /// What the file's place in the run says that it is; nil where no stream has that place.
    private func identifier(of file: String) -> StreamIdentifier? {
        guard file.hasPrefix(root + "/") else { return nil }
        return StreamIdentifier(path: String(file.dropFirst(root.count + 1)))
    }

    /// Reads all of the file and checks its checksums. Memory: one stream at a time.
    ///
    /// Appends to `streams`, to `damaged`, or to both: a stream whose data are damaged is known by its attributes. A
    /// growing file whose end is torn counts as unchecked, because its recorder repairs it when it opens it again.
    mutating func read(_ file: String) {
        do throws(StreamError) {
            let reader = try StreamReader(path: file)
            defer { reader.close() }
            let metadata = reader.metadata
            guard let stream = identifier(of: file, metadata) else {
                damaged.append("\(file): its place in the run is not where its attributes say it belongs")
                return
            }
            var integrity = Integrity.sound
            var returns: [Float] = []
            var rollouts = reader.rollouts
            do throws(StreamError) {
                let contents = try StreamContents(reader)
                returns = contents.episodes.compactMap(\.episodeReturn).map { Float($0) }
                rollouts = contents.rollouts
            } catch {
                // The end of a growing file may be torn. Its recorder cuts the end off, and so decides how much is
                // left.
                integrity = metadata.isComplete ? .damaged : .unchecked
                damaged.append("\(error)")
            }
            let bounds = bounds(of: metadata.task, in: metadata.environment)
            var summary = IndexedStream(
                stream: stream, task: metadata.task, optimalReturn: bounds.optimal, randomReturn: bounds.random,
                rows: Int(clamping: rollouts.last?.endStep ?? 0), rollouts: rollouts.count,
                lastPolicyVersion: rollouts.last?.policyVersion ?? 0,
                lastIncarnation: rollouts.map(\.incarnation).max() ?? 0, isSealed: metadata.isComplete,
                integrity: integrity, bytes: reader.fileBytes,
                started: rollouts.first.map { Double($0.wallClock) / 1e9 },
                ended: rollouts.last.map { Double($0.wallClock) / 1e9 }, returns: returns)
            if case .evaluation(let name) = stream.lifetime.collection {
                (summary.checkpoint, summary.kind) = evaluated(name, by: metadata.evaluation)
            }
            streams.append(summary)
        } catch {
            damaged.append("\(error)")
            guard case .damaged(_, let problem) = error, let stream = identifier(of: file) else { return }
            unreadable.append(HistoriesIndex.Quarantined(stream, reason: problem))
        }
    }

    /// The path says where a stream belongs; nil where the file's own attributes say otherwise.
    ///
    /// A file that was moved or copied to another place would otherwise count as another task's.
    private func identifier(of file: String, _ metadata: StreamMetadata) -> StreamIdentifier? {
        let relative = file.hasPrefix(root + "/") ? String(file.dropFirst(root.count + 1)) : file
        let parts = relative.split(separator: "/").map(String.init)
        var collection = StreamCollection.histories
        if parts.first == "evaluations", parts.count > 1 { collection = .evaluation(parts[1]) }
        let stream = StreamIdentifier(
            lifetime: LifetimeIdentifier(
                collection: collection, task: metadata.task.id,
                repetition: collection == .histories ? metadata.repetition : 0), actor: metadata.actor)
        return stream.path == relative ? stream : nil
    }

    /// Unknown where the environment cannot be made from its description.
    ///
    /// Throws nothing: an environment that this version does not know has no bounds.
    private mutating func bounds(
        of task: Task, in environment: EnvironmentDescription
    ) -> ReturnBounds {
        if let known = bounds[environment]?[task] { return known }
        let distribution = distribution(of: environment)
        let references = distribution?.references(of: task)
        let found = ReturnBounds(optimal: references?.optimum, random: references?.random)
        bounds[environment, default: [:]][task] = found
        return found
    }

    /// Nil where the environment's name or settings are not known. `testTasks` 0, because the split does not matter for
    /// a task's bounds.
    private mutating func distribution(of environment: EnvironmentDescription) -> (any TaskDistribution)? {
        if let known = distributions[environment] { return known }
        let made = try? EnvironmentSettings(name: environment.name, json: environment.json)
            .makeTasks(split: TaskSplit(testTasks: 0))
        if let made { distributions[environment] = made }
        return made
    }

    /// What acted, by the stream's own word. An evaluation whose streams are of the time before they said it is named
    /// CHECKPOINT-test, CHECKPOINT-train or CHECKPOINT-test-cleared: what remains without the suffixes is the
    /// checkpoint's name.
    ///
    /// `step-00020000-test-cleared` gives `step-00020000` and the control.
    private func evaluated(_ name: String, by source: EvaluationSource?) -> (String?, EvaluationKind) {
        if let source { return (source.checkpoint, EvaluationKind(source.policy)) }
        var rest = name
        var kind = EvaluationKind.inContext
        if rest.hasSuffix("-cleared") {
            kind = .control
            rest.removeLast("-cleared".count)
        }
        for split in Split.allCases where rest.hasSuffix("-\(split.rawValue)") {
            rest.removeLast(split.rawValue.count + 1)
        }
        return (rest, kind)
    }
}

/// What is known of a task's returns before it is played.
private struct ReturnBounds {
    /// Return of the best policy, where the environment can tell.
    let optimal: Double?
    /// Mean return of uniformly random actions, where the environment can tell.
    let random: Double?
}
