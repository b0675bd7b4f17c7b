package import Catalog
import Distillation
package import Environments
package import Experience
package import Experiments
import Files
package import Foundation
package import Histories
package import Wire

/// Writes what happens in a run into its catalogue (`RUN/catalog.sqlite`), all of a turn in one transaction, and
/// the returns of evaluations into their `summary.csv` as well. Used by the coordinator's thread alone; it is the
/// catalogue's only writer.
///
/// Entries wait in `batch` until `commit`. A transaction is synced (`synchronous = FULL`) where one of its entries
/// has to survive a loss of power (`JournalEntry.survivesPowerLoss`), and only then: a sync costs milliseconds.
package final class LedgerJournal: RunJournal {
    /// Called with every number of `metrics` and with what is plotted alone, for event files; the journal's own marks,
    /// such as starts and phases, are not among them. What it throws, the entry throws.
    package var onMetrics: ((_ name: String, _ step: UInt64, _ value: Double) throws -> Void)?
    /// Reads the curves of a job's recorded streams, where what is plotted of an evaluation is not the returns that the
    /// evaluator has told: the rewards by step of lives that are one episode. What cannot be read is not plotted.
    package var readCurves: ((EvaluationReturns) throws -> EvaluationReturns)?

    private let context: ExperimentContext
    /// The catalogue, open for writing; the command that made the journal closes it.
    let ledger: Ledger
    /// Where each evaluation has its folder.
    private let evaluations: URL
    /// Every lifetime that the catalogue or this start knows, as it stands now: entries change a record, and the whole
    /// record is saved.
    private(set) var lifetimes: [LifetimeIdentifier: LifetimeRecord] = [:]
    /// Nodes that have joined in this start and not left, so that their leaving can be added to their record.
    private var nodes: [String: NodeRecord] = [:]
    /// The start is in the batch or in the catalogue: `started` may be tried again after a full disk.
    private var hasStarted = false
    /// What is not yet in the catalogue.
    private(set) var batch = LedgerBatch()
    /// Whether any of the batch has to survive a loss of power.
    private var survivesPowerLoss = false
    /// Lifetimes whose records differ from the catalogue's; several changes of a turn are saved as one.
    private var changedLifetimes: Set<LifetimeIdentifier> = []
    /// Results in the catalogue that their evaluation's summary lacks.
    private var unsummarized: [EvaluationReturns] = []

    /// Opens the journal of the run in `folder`, and saves the tasks that its catalogue lacks, each with the return
    /// that a random policy can expect: that takes a while the first time.
    package init(ledger: Ledger, context: ExperimentContext, folder: URL) throws {
        self.ledger = ledger
        self.context = context
        evaluations = folder.appendingPathComponent("evaluations")
        // What a random policy can expect takes a while to be found out, and never changes.
        let known = Set(try ledger.tasks().map(\.id))
        let missing = context.experiment.usedTasks(of: context.distribution).filter { !known.contains($0) }
        try ledger.save(
            LedgerBatch(tasks: missing.map { TaskRecord(try context.task($0), context.distribution) }))
        for record in try ledger.lifetimes() {
            lifetimes[LifetimeIdentifier(task: record.task, repetition: record.repetition)] = record
        }
    }

    /// What earlier starts of this run have finished. Read it before `started`. Quarantined streams count as sealed,
    /// since their lifetimes must not wait for them.
    package func progress() throws -> Progress {
        var progress = Progress()
        for (identifier, record) in lifetimes {
            progress.attempts[identifier] = UInt64(record.attempt)
            progress.actors[identifier] = record.actors
            if record.status == .finished { progress.lifetimes.insert(identifier) }
        }
        for record in try ledger.streams() where record.isSealed {
            progress.sealed[record.stream.lifetime, default: []].insert(record.stream.actor)
        }
        for record in try ledger.streams() where !record.isSealed && record.integrity == .damaged {
            progress.sealed[record.stream.lifetime, default: []].insert(record.stream.actor)
            progress.quarantined[record.stream] = record.problem ?? "unknown"
        }
        for evaluation in try ledger.evaluations() where evaluation.status == .finished {
            progress.jobs.insert(FinishedJob(evaluation: evaluation.evaluation, task: evaluation.task))
        }
        for pin in try ledger.pins() { progress.pins[pin.lifetime] = pin.recorder }
        for recorder in try ledger.recorders() {
            progress.recorders[recorder.identity] = RecorderLinks.Place(host: recorder.host, path: recorder.path)
        }
        progress.starts = UInt64(try ledger.metrics(named: Self.start).count)
        progress.scale = try ledger.metrics(named: Self.scale).last.map {
            Scale(actors: $0.step, actorsOfLifetime: Int($0.value))
        }
        progress.plottedSteps = UInt64(
            try ledger.metrics(named: Coordinator.collectingSpeed).map(\.step).max() ?? 0)
        progress.sourceEntropies = try ledger.metrics(named: MetricRecord.sourceEntropy).filter {
            try context.task($0.step).split == .train
        }.map(\.value)
        let ends = try context.experiment.distillations().map(\.name).filter {
            try !ledger.metrics(named: MetricRecord.distillationFinished($0)).isEmpty
        }
        progress.distilled = Set(ends)
        return progress
    }

    /// Writes down that a coordinator has taken the run up, after `progress` was read: once, however often it is tried.
    package func started() throws {
        if !hasStarted { append("coordinator", Self.start, step: 0, value: 1) }
        // Commands are numbered from it: no start may be counted twice.
        survivesPowerLoss = true
        hasStarted = true
        try commit()
        try remakeSummaries()
    }

    /// Marks among the metrics that are read back by `progress`: starts of the run, and what `scale` has set.
    private static let start = "coordinator/start"
    private static let scale = "coordinator/scale"

    /// Writes every `summary.csv` anew from the catalogue: an earlier start may have died between the two.
    private func remakeSummaries() throws {
        let finished = try ledger.evaluationReturns().filter { $0.evaluation.status == .finished }
        for (name, results) in Dictionary(grouping: finished, by: \.evaluation.evaluation) {
            let file = try makeFolder(ofEvaluation: name).appendingPathComponent(Self.summary)
            let lines = results.map { Self.lines(task: $0.evaluation.task, $0.returns) }
            try AtomicFile.write(Self.summaryHeader + lines.joined(), to: file.path)
        }
    }

    /// Each entry goes through here.
    private func note(_ entry: JournalEntry) { survivesPowerLoss = survivesPowerLoss || entry.survivesPowerLoss }

    package func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Task, actors: Int) throws {
        note(.lifetimeQueued)
        update(lifetime) { $0.status = .queued }
    }

    /// The first start of a lifetime sets its time; later attempts keep it.
    package func lifetimeStarted(
        _ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int
    ) throws {
        note(.lifetimeStarted)
        update(lifetime) {
            $0.actors = actors
            $0.status = .running
            $0.attempt = Int(attempt)
            $0.learner = learner
            if $0.started == nil { $0.started = Date().timeIntervalSince1970 }
        }
    }

    /// An end that is told again overwrites the same record and is not plotted twice.
    package func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws {
        note(.lifetimeEnded)
        let isKnown = lifetimes[lifetime]?.status == .finished
        update(lifetime) {
            $0.status = .finished
            $0.ended = Date().timeIntervalSince1970
            $0.episodes = numbers["episodes"].flatMap { Int(exactly: $0) }
            $0.transitions = numbers["transitions"].flatMap { Int(exactly: $0) }
            $0.transitionsLearnt = numbers["transitions_learnt"].flatMap { Int(exactly: $0) }
            $0.updates = numbers["updates"].flatMap { Int(exactly: $0) }
            $0.meanPolicyLag = numbers["mean_policy_lag"]
            $0.finalReturn = numbers["final_return"]
        }
        let time = Date().timeIntervalSince1970
        batch.metrics += ["mean_policy_entropy", "transitions_stale", "transitions_cut", "transitions_unwanted"]
            .compactMap { name in
                numbers[name].map {
                    MetricRecord(time: time, source: "learner", name: "learner/\(name)", step: lifetime.task, value: $0)
                }
            }
        if !isKnown { try plotEnd(numbers) }
    }

    /// Changes the record of a lifetime, which is made where there is none yet.
    private func update(_ lifetime: LifetimeIdentifier, _ change: (inout LifetimeRecord) -> Void) {
        var record = lifetimes[lifetime] ?? LifetimeRecord(task: lifetime.task, repetition: lifetime.repetition)
        change(&record)
        lifetimes[lifetime] = record
        changedLifetimes.insert(lifetime)
    }

    package func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws {
        note(.streamSealed)
        batch.streams.append(
            StreamRecord(stream: stream, rows: Int(clamping: rows), rollouts: Int(clamping: rollouts), isSealed: true))
    }

    package func streamsPinned(_ lifetime: LifetimeIdentifier, to recorder: String) throws {
        note(.streamsPinned)
        batch.pins.append(PinRecord(lifetime: lifetime, recorder: recorder))
    }

    package func recorderPlaced(_ recorder: String, at place: RecorderLinks.Place) throws {
        note(.recorderPlaced)
        batch.recorders.append(RecorderRecord(identity: recorder, host: place.host, path: place.path))
    }

    /// Saved as damaged and not sealed, with no rows: what the file still has is not counted.
    package func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws {
        note(.streamQuarantined)
        batch.streams.append(
            StreamRecord(
                stream: stream, rows: 0, rollouts: 0, isSealed: false, integrity: .damaged, problem: reason))
    }

    /// A mark among the metrics, with all actors as its step and those of a lifetime as its value.
    package func scaled(_ scale: Scale) throws {
        note(.scaled)
        append("coordinator", Self.scale, step: scale.actors, value: Double(scale.actorsOfLifetime))
    }

    package func nodeJoined(_ hello: Hello) throws {
        note(.nodeJoined)
        let now = Date().timeIntervalSince1970
        let record = NodeRecord(
            name: hello.name, role: hello.role.rawValue, host: hello.host, process: hello.process,
            endpoint: hello.endpoint, joined: now, lastSeen: now)
        nodes[hello.name] = record
        batch.nodes.append(record)
    }

    package func nodeLeft(_ name: String, reason: String) throws {
        note(.nodeLeft)
        guard var record = nodes.removeValue(forKey: name) else { return }
        record.left = Date().timeIntervalSince1970
        record.lastSeen = record.left ?? record.lastSeen
        record.reason = reason
        batch.nodes.append(record)
    }

    package func phaseBegan(_ phase: RunPhase) throws {
        note(.phaseBegan)
        append("coordinator", "phase/\(phase.rawValue)", step: 0, value: 1)
    }

    /// Names in the catalogue are `source/name`. They are saved in alphabetical order, so that two runs with the same
    /// numbers have their rows in the same order.
    package func metrics(_ source: String, _ metrics: Metrics) throws {
        note(.metrics)
        let time = Date().timeIntervalSince1970
        batch.metrics += metrics.numbers.sorted { $0.key < $1.key }.map {
            MetricRecord(
                time: time, source: source, name: "\(source)/\($0.key)", step: Int(clamping: metrics.step),
                value: $0.value)
        }
        for (name, value) in metrics.numbers { try onMetrics?("\(source)/\(name)", metrics.step, value) }
    }

    /// The step is read from the name, `step-00020000` or `ed/step-00020000`.
    package func checkpointStored(_ name: String, numbers: [String: Double]) throws {
        note(.checkpointStored)
        let step = name.split(separator: "-").last.flatMap { Int($0) } ?? 0
        batch.checkpoints.append(
            CheckpointRecord(
                name: name, step: step, created: Date().timeIntervalSince1970, trainingSeconds: numbers["seconds"],
                loss: numbers["loss"]))
    }

    /// The checkpoint's own name is not kept: the next start finds the newest one in the distillation's folder.
    package func distillationFinished(_ checkpoint: String) throws {
        note(.distillationFinished)
        batch.metrics.append(
            .distillationFinished(Checkpoint.parts(of: checkpoint).distillation, at: Date().timeIntervalSince1970))
    }

    /// Rows of `returns` that are shorter than `job.episodes` are kept as they are.
    package func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws {
        note(.evaluated)
        let record = EvaluationRecord(
            evaluation: job.evaluation, task: job.task, checkpoint: job.checkpoint, split: split,
            kind: EvaluationKind(job.policy), status: .finished, seeds: job.seeds,
            episodes: job.episodes, ended: Date().timeIntervalSince1970)
        let rows = stride(from: 0, to: returns.count, by: max(1, job.episodes)).map {
            Array(returns[$0..<min(returns.count, $0 + job.episodes)])
        }
        batch.results.append(EvaluationReturns(evaluation: record, returns: rows))
    }

    /// One transaction for all that was written down since the last one. Where it throws for lack of room nothing
    /// is forgotten, and the same call may succeed later. Summaries follow the transaction; what they lack is made
    /// up for at the next start.
    package func commit() throws {
        batch.lifetimes = changedLifetimes.compactMap { lifetimes[$0] }
        if !batch.isEmpty {
            try ledger.save(batch, surviving: survivesPowerLoss ? .lossOfPower : .deathOfProcess)
            survivesPowerLoss = false
            unsummarized += batch.results
            changedLifetimes.removeAll(keepingCapacity: true)
            batch = LedgerBatch()
        }
        while let result = unsummarized.first {
            try appendSummary(result)
            unsummarized.removeFirst()
        }
    }

    /// `evaluations/NAME/summary.csv`: one line an episode.
    private func appendSummary(_ result: EvaluationReturns) throws {
        let file = try makeFolder(ofEvaluation: result.evaluation.evaluation).appendingPathComponent(Self.summary)
        if !FileManager.default.fileExists(atPath: file.path) {
            try AtomicFile.write(Self.summaryHeader, to: file.path)
        }
        let lines = Self.lines(task: result.evaluation.task, result.returns)
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        let end = try handle.seekToEnd()
        do { try handle.write(contentsOf: Data(lines.utf8)) } catch {
            // It is tried again, whole.
            try handle.truncate(atOffset: end)
            throw error
        }
    }

    private static let summary = "summary.csv"
    private static let summaryHeader = "task,seed,episode,return\n"

    /// The evaluation's folder, `RUN/evaluations/NAME`, made where it is missing. Throws what `Folder.create` throws.
    private func makeFolder(ofEvaluation name: String) throws -> URL {
        let folder = evaluations.appendingPathComponent(name)
        try Folder.create(folder.path)
        return folder
    }

    /// `returns`: (seeds, episodes).
    private static func lines(task: Int, _ returns: [[Float]]) -> String {
        var lines = ""
        for (seed, episodes) in returns.enumerated() {
            for (episode, value) in episodes.enumerated() { lines += "\(task),\(seed),\(episode),\(value)\n" }
        }
        return lines
    }

    /// Adds a mark of the coordinator's own to the batch, at this moment of the wall clock.
    private func append(_ source: String, _ name: String, step: Int, value: Double) {
        batch.metrics.append(
            MetricRecord(time: Date().timeIntervalSince1970, source: source, name: name, step: step, value: value))
    }
}
