package import Environments
package import Experience

/// What one stream file tells about itself, as `histories index` reads it.
///
/// `IndexedStreams` in `Reporting` makes them, so that this module needs no HDF5.
package struct IndexedStream: Hashable, Sendable {
    /// Task, repetition and actor, or evaluation, task and seed.
    package var stream: StreamIdentifier
    /// From the file's attributes, so that a run without an experiment has tasks too.
    package var task: Task
    /// Of its task, where the environment knows it.
    package var optimalReturn: Double?
    /// Of its task, where the environment knows it.
    package var randomReturn: Double?
    /// Transitions that its rollouts cover.
    package var rows: Int
    /// Rows of its dataset `rollouts`.
    package var rollouts: Int
    /// The policy version of its last rollout.
    package var lastPolicyVersion: UInt64
    /// The highest incarnation of its rollouts; lockstep and evaluations write 0.
    package var lastIncarnation: UInt64
    /// Whether its recorder closed it; a sealed file never changes again.
    package var isSealed: Bool
    /// What reading all of it has shown.
    package var integrity: Integrity
    /// Size of the file.
    package var bytes: Int
    /// Wall clock of its first rollout, seconds since 1970.
    package var started: Double?
    /// Wall clock of its last rollout, seconds since 1970.
    package var ended: Double?
    /// Returns of its finished episodes in order.
    package var returns: [Float]
    /// In a stream of an evaluation, the checkpoint that acted, if one did; nil in histories.
    package var checkpoint: String?
    /// In a stream of an evaluation, what acted; nil in histories.
    package var kind: EvaluationKind?

    package init(
        stream: StreamIdentifier, task: Task, optimalReturn: Double? = nil, randomReturn: Double? = nil, rows: Int,
        rollouts: Int, lastPolicyVersion: UInt64, lastIncarnation: UInt64 = 0, isSealed: Bool, integrity: Integrity,
        bytes: Int,
        started: Double? = nil, ended: Double? = nil, returns: [Float], checkpoint: String? = nil,
        kind: EvaluationKind? = nil
    ) {
        self.stream = stream
        self.task = task
        self.optimalReturn = optimalReturn
        self.randomReturn = randomReturn
        self.rows = rows
        self.rollouts = rollouts
        self.lastPolicyVersion = lastPolicyVersion
        self.lastIncarnation = lastIncarnation
        self.isSealed = isSealed
        self.integrity = integrity
        self.bytes = bytes
        self.started = started
        self.ended = ended
        self.returns = returns
        self.checkpoint = checkpoint
        self.kind = kind
    }
}

/// All that a catalogue can know from the stream files alone.
///
/// Pure: nothing is read or written here. `Ledger.replaceIndex` puts it into a catalogue. What the coordinator alone
/// knew is not in it: nodes, metrics, learners.
package struct HistoriesIndex: Hashable, Sendable {
    /// By id.
    package private(set) var tasks: [TaskRecord] = []
    /// By folder. A lifetime none of whose files could be read is not among them.
    package private(set) var lifetimes: [LifetimeRecord] = []
    /// By path, quarantined ones with 0 rows among them.
    package private(set) var streams: [StreamRecord] = []
    /// By folder. Returns only of jobs that are whole; the others are to be played again.
    package private(set) var evaluations: [EvaluationReturns] = []

    /// A lifetime's final return is the mean over this many last episodes of each of its streams.
    package static let finalEpisodes = 10

    /// What the run's experiment asks for, where it is known: what has less than that was interrupted.
    ///
    /// Without it a lifetime whose files are all sealed counts as finished, though some of its actors may have no file.
    package struct Expectation: Sendable {
        /// Streams of a lifetime: one for each actor that the run records.
        package var recordedActors: Int
        /// Of an evaluation by its name: streams of a task, one for each copy of the environment, and episodes of each.
        package var evaluation: @Sendable (String) -> (seeds: Int, episodes: Int)
        /// Lifetimes that have not ended, whatever their streams say: what they have learnt is to be evaluated, and is not
        /// there.
        package var unfinished: Set<LifetimeIdentifier>

        package init(
            recordedActors: Int, unfinished: Set<LifetimeIdentifier> = [],
            evaluation: @escaping @Sendable (String) -> (seeds: Int, episodes: Int)
        ) {
            self.recordedActors = recordedActors
            self.unfinished = unfinished
            self.evaluation = evaluation
        }
    }

    /// A stream that its recorder gave up, and why.
    ///
    /// It counts as ended: a lifetime does not wait for its seal.
    package struct Quarantined: Hashable, Sendable {
        /// The file's place in the run.
        package let stream: StreamIdentifier
        /// The recorder's words, from the mark beside the file.
        package let reason: String

        /// `reason` becomes the stream record's `problem`.
        package init(_ stream: StreamIdentifier, reason: String) {
            self.stream = stream
            self.reason = reason
        }
    }

    /// `tasks`: all that the run's environment has, where it is known; otherwise those of the streams.
    ///
    /// Where a task is both known and told by a stream, the known one counts. The work is all in memory; the caller has
    /// read the files.
    package init(
        _ summaries: [IndexedStream], quarantined: [Quarantined] = [], tasks known: [TaskRecord] = [],
        expected: Expectation? = nil
    ) {
        var tasks = Dictionary(known.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for summary in summaries where tasks[summary.task.id] == nil {
            tasks[summary.task.id] = TaskRecord(
                id: summary.task.id, split: summary.task.split, json: summary.task.json,
                optimalReturn: summary.optimalReturn, randomReturn: summary.randomReturn)
        }
        self.tasks = tasks.values.sorted { $0.id < $1.id }
        let lost = quarantined.map {
            StreamRecord(
                stream: $0.stream, rows: 0, rollouts: 0, isSealed: false, integrity: .damaged, problem: $0.reason)
        }
        streams = (summaries.map(HistoriesIndex.stream) + lost).sorted { $0.path < $1.path }
        // A file that lies where no actor's stream does takes nothing from what is waited for.
        let lostOf = Dictionary(
            grouping: quarantined.filter { $0.stream.actor < expected?.recordedActors ?? .max }, by: \.stream.lifetime
        ).mapValues(\.count)
        let byLifetime = Dictionary(grouping: summaries, by: \.stream.lifetime)
            .sorted { ($0.key.folder) < ($1.key.folder) }
        for (lifetime, members) in byLifetime {
            switch lifetime.collection {
            case .histories:
                let isOpen = expected?.unfinished.contains(lifetime) ?? false
                let missing = isOpen ? .max : (expected?.recordedActors ?? 0) - (lostOf[lifetime] ?? 0)
                lifetimes.append(HistoriesIndex.lifetime(lifetime, members, expected: missing))
            case .evaluation(let name):
                evaluations.append(HistoriesIndex.evaluation(name, lifetime, members, expected: expected))
            }
        }
        noteLost(lostOf, readable: Set(byLifetime.map(\.key)), expected: expected)
    }

    /// Lifetimes all of whose streams are given up have ended: to live them again would record nothing.
    private mutating func noteLost(
        _ lostOf: [LifetimeIdentifier: Int], readable: Set<LifetimeIdentifier>, expected: Expectation?
    ) {
        guard let expected else { return }
        for (lifetime, lost) in lostOf.sorted(by: { $0.key.folder < $1.key.folder })
        where lifetime.collection == .histories && !readable.contains(lifetime) && lost >= expected.recordedActors {
            lifetimes.append(
                LifetimeRecord(task: lifetime.task, repetition: lifetime.repetition, status: .finished, attempt: 1))
        }
    }

    /// The record of a stream that could be read, damaged or not.
    private static func stream(_ summary: IndexedStream) -> StreamRecord {
        StreamRecord(
            stream: summary.stream, rows: summary.rows, rollouts: summary.rollouts, isSealed: summary.isSealed,
            integrity: summary.integrity, bytes: summary.bytes)
    }

    /// A lifetime's attempt is the upper part of the incarnations that it gave out, plus one: the next attempt must
    /// give out higher ones than its files have. Where the files have none (lockstep), it was begun once at least.
    ///
    /// `expected`: sealed streams without which it has not ended; more than there can be where it has not in any case.
    ///
    /// Begins with the first rollout's wall clock and ends with the last one's. `status` is finished where all files
    /// are sealed and there are as many as expected.
    private static func lifetime(
        _ lifetime: LifetimeIdentifier, _ members: [IndexedStream], expected: Int
    ) -> LifetimeRecord {
        let incarnation = members.map(\.lastIncarnation).max() ?? 0
        let last = members.flatMap { $0.returns.suffix(finalEpisodes) }.map(Double.init)
        return LifetimeRecord(
            task: lifetime.task, repetition: lifetime.repetition,
            status: members.allSatisfy(\.isSealed) && members.count >= expected ? .finished : .running,
            attempt: Int(clamping: incarnation >> 16) + 1, started: members.compactMap(\.started).min(),
            ended: members.compactMap(\.ended).max(),
            episodes: members.reduce(0) { $0 + $1.returns.count }, transitions: members.reduce(0) { $0 + $1.rows },
            updates: members.map(\.lastPolicyVersion).max().map { Int(clamping: $0) },
            finalReturn: last.isEmpty ? nil : last.reduce(0, +) / Double(last.count),
            actors: members.map { $0.stream.actor + 1 }.max())
    }

    /// Whole: enough sealed, sound streams with enough episodes. Without `expected` what is there is enough.
    ///
    /// A job whose seeds are cut short is `running`, and is played again as a whole.
    private static func evaluation(
        _ name: String, _ lifetime: LifetimeIdentifier, _ members: [IndexedStream], expected: Expectation?
    ) -> EvaluationReturns {
        let seeds = members.sorted { $0.stream.actor < $1.stream.actor }
        let planned = expected?.evaluation(name) ?? (seeds: 0, episodes: 0)
        let isWhole =
            seeds.allSatisfy { $0.isSealed && $0.integrity == .sound && $0.returns.count >= planned.episodes }
            && seeds.count >= planned.seeds
        return EvaluationReturns(
            evaluation: EvaluationRecord(
                evaluation: name, task: lifetime.task, checkpoint: seeds.lazy.compactMap(\.checkpoint).first,
                split: seeds[0].task.split, kind: seeds.lazy.compactMap(\.kind).first ?? .inContext,
                status: isWhole ? .finished : .running, seeds: seeds.count,
                episodes: seeds.map(\.returns.count).max() ?? 0, ended: seeds.compactMap(\.ended).max()),
            // A job that is not whole counts for nothing: it is played again as a whole.
            returns: isWhole ? seeds.map(\.returns) : [])
    }
}
