package import Distillation
package import Environments
import Experience
package import Experiments
package import Foundation
import Models
import Nodes

/// One training run of the transformer on a folder of streams; the same for a node of a cluster and for
/// `distillery distill` on its own.
///
/// It puts the `Trainer` of `Distillation` together with what surrounds it here: which streams are read, which
/// checkpoint it goes on from, when the next checkpoint is due, numbers for people. Not safe to share: one thread
/// calls it, though a step computes on many.
///
/// Where it follows streams that still grow, it reads what is new between its steps, has done at most `follow_share` of
/// the training for the lifetimes that have begun, and cannot finish before `historiesAreComplete` was called and all was read. Its windows then
/// depend on when streams came; from there on they are those of any training on the sealed streams.
///
/// ```swift
/// let loading = DistillationLoading(
///     experiment: experiment, settings: experiment.distil, distribution: tasks, histories: folder, resumeFrom: nil)
/// var run: DistillationRun?
/// while run == nil { run = try loading.advance(now: clock()) }
/// while let run, !run.isFinished {
///     _ = try run.turn(now: clock())
///     if run.isCheckpointDue { _ = try run.save(in: checkpoints) }
/// }
/// ```
package final class DistillationRun {
    /// What a turn was spent on.
    package enum Turn: Sendable {
        case trained, read
        /// Nothing: training waits for streams. A scan later there may be some.
        case waited
    }

    private let trainer: Trainer
    private let store: HistoriesReading
    private let environment: EnvironmentDescription
    private let splitSeed: UInt64
    private let testTasks: [Int]
    /// Ids of the tasks that an earlier start has learnt from.
    private let tasksBefore: [Int]
    private let checkpointEvery: Int
    /// How many checkpoints are to be kept; nil for all.
    package let keptCheckpoints: Int?
    /// The step of the last checkpoint.
    private var lastCheckpoint = 0
    /// Exponential mean of the loss in nats, each step weighted by 0.02; nil before the first step of this start.
    private var smoothedLoss: Double?
    /// Tokens that this start has trained on, for their rate.
    private var tokens = 0
    /// Of the last step of this start.
    package private(set) var lastReport: StepReport?
    /// Seconds of an earlier start that this one goes on from.
    private var secondsBefore: Double
    /// Lifetimes that windows will be drawn from when all are collected.
    private let expectedLifetimes: Int
    /// All streams that count are sealed, and were read. Once true it stays so, whatever the store reads for others.
    private var isComplete: Bool
    /// The last turn was a step of training.
    private var hasJustTrained = true
    /// Settings that are not those that the checkpoint was made with, and may be others.
    package private(set) var changes: [Experiment.Change] = []

    /// Prepares training on what `store` has read; `selection`: which of its streams count; `resumeFrom`: the folder of
    /// the checkpoint to go on from. `ranks`: those that train together, of which the first alone goes on from a
    /// checkpoint. Throws where nothing counts.
    init(
        experiment: Experiment, settings: DistilSettings, distribution: any TaskDistribution, store: HistoriesReading,
        selection: StreamSelection, resumeFrom: URL?, ranks: (any RankGroup)? = nil
    ) throws {
        guard store.streams.streamCount > 0 else {
            throw ClusterError(
                "\(store.path) has no sealed streams of the train split: collect first, or name another folder")
        }
        self.store = store
        isComplete = store.isComplete
        let tasks = selection.tasks?.count ?? experiment.trainTasks(of: distribution).count
        expectedLifetimes = max(1, tasks * experiment.collect.lifetimes)
        environment = distribution.environment
        splitSeed = experiment.tasks.splitSeed
        testTasks = experiment.testTasks(of: distribution)
        checkpointEvery = settings.training.checkpointEvery
        keptCheckpoints = settings.training.keepCheckpoints
        let model: any SequenceModel
        var optimizer: Data?
        if let resumeFrom {
            changes = try Self.changes(experiment, settings, distribution, since: resumeFrom)
            let checkpoint = try Checkpoint(folder: resumeFrom)
            model = try checkpoint.makeModel()
            tasksBefore = try checkpoint.configuration().description.trainedTasks
            optimizer = try Checkpoint.optimizerState(in: resumeFrom)
        } else {
            tasksBefore = []
            model = try settings.model.make(
                ModelSpaces(distribution.environment), seed: settings.training.seed)
        }
        trainer = try Trainer(
            model: model, training: settings.training, windows: settings.windows, data: store.streams,
            selection: selection, resumeFrom: optimizer, ranks: ranks,
            optimum: { id in (try? distribution.task(id)).flatMap { distribution.references(of: $0).optimum } })
        trainer.streamsInMemory = store.rotation?.position
        lastCheckpoint = trainer.completedSteps
        secondsBefore = trainer.elapsedSeconds
    }

    /// Of several ranks each calls it before its first turn, and each throws the same where one has other settings or
    /// histories: all then go on with what the first has read from its checkpoint.
    package func alignRanks() throws {
        try trainer.alignRanks(description)
        lastCheckpoint = trainer.completedSteps
        secondsBefore = trainer.elapsedSeconds
    }

    /// Of several ranks each calls it before a checkpoint is made, and each throws the same where they have gone apart.
    package func checkRanks() throws {
        try trainer.checkRanks()
        lastCheckpoint = steps
    }

    /// The settings of a distillation that are others than those of the checkpoint in a folder, all of which may change
    /// on resume. Throws `ClusterError` that names those which may not, or another environment.
    package static func changes(
        _ experiment: Experiment, _ settings: DistilSettings, _ distribution: any TaskDistribution,
        since checkpoint: URL
    ) throws -> [Experiment.Change] {
        let configuration = try Checkpoint(folder: checkpoint).configuration()
        let trainedOn = configuration.description.environment
        guard trainedOn == distribution.environment else {
            throw ClusterError(
                "the checkpoint \(checkpoint.path) was trained on \(trainedOn.name) \(trainedOn.json); "
                    + "the experiment is on \(distribution.environment.name) \(distribution.environment.json)")
        }
        let changes = experiment.changes(since: configuration, to: settings)
        let refused = changes.filter { !Experiment.mayChangeOnResume.contains($0.key) }
        guard refused.isEmpty else {
            throw ClusterError(
                "training cannot go on from \(checkpoint.path) with other settings: "
                    + refused.map(\.description).joined(separator: "; ") + ". These may change: "
                    + Experiment.mayChangeOnResume.joined(separator: ", "))
        }
        return changes
    }

    /// Called again and again while a step is at work, by any of its threads.
    package var onProgress: (@Sendable () -> Void)? {
        get { trainer.onProgress }
        set { trainer.onProgress = newValue }
    }

    /// Steps of training so far, those before the checkpoint that it goes on from among them.
    package var steps: Int { trainer.completedSteps }
    /// The settings ask for no further step: the steps or the seconds that they allow are over. Never before the
    /// histories are complete.
    package var isFinished: Bool { isComplete && trainer.isFinished }
    /// From 0 to 1: by steps or by time, whichever is further.
    package var progress: Double { trainer.progress }
    /// `training.checkpoint_every` steps have gone by since the last checkpoint.
    package var isCheckpointDue: Bool { steps - lastCheckpoint >= checkpointEvery }
    /// No checkpoint has the steps that were made last.
    package var hasNewSteps: Bool { steps > lastCheckpoint }
    /// Transitions that windows are drawn from.
    package var transitions: Int { trainer.sampler.rowCount }
    /// Streams that are learnt from.
    package var streams: Int { trainer.sampler.streamCount }
    /// In words, where not all streams are in memory.
    package var memoryNote: String? { store.memoryNote }
    /// Streams that were left out because they are damaged, or their recorder had given them up.
    package var quarantined: [String] { store.quarantined }

    /// All streams are sealed that will be: after one more look at them the whole training may be done. May be called
    /// again.
    package func historiesAreComplete() { store.historiesAreComplete() }

    /// The part of the training that may be done with the histories that there are is done, or there is nothing to
    /// learn from at the moment.
    package var isWaiting: Bool {
        !isComplete && (transitions == 0 || trainer.isPart(done: permittedShare))
    }

    /// `follow_share` of the training once every lifetime is in reach; before that as much less as there are fewer, so
    /// that the first ones are not learnt by heart.
    private var permittedShare: Double {
        let inReach = min(1, Double(trainer.sampler.lifetimeCount) / Double(expectedLifetimes))
        return trainer.settings.followShare * inReach
    }

    /// Reads a slice of what is new, or makes one step of training: in turns where both are to be done, and reading
    /// alone where it has taken long, so that what was recorded is soon in reach. `now`: nanoseconds of a monotonic
    /// clock. Throws what the `Trainer` throws, as for a loss that is no number, and what reading throws.
    package func turn(now: UInt64) throws -> Turn {
        if !isComplete, hasJustTrained || isWaiting || store.isUrgent(now: now) {
            hasJustTrained = false
            if try store.advance(now: now) { return .read }
            trainer.sampler.refresh()
            isComplete = store.isComplete
        }
        guard !isWaiting else {
            trainer.pause()
            return .waited
        }
        if !trainer.isFinished { try step() }
        hasJustTrained = true
        return .trained
    }

    private func step() throws {
        let report = try trainer.step()
        try store.noteShown(rows: trainer.rowsOfStep)
        trainer.streamsInMemory = store.rotation?.position
        lastReport = report
        tokens += report.tokens
        smoothedLoss = smoothedLoss.map { 0.98 * $0 + 0.02 * report.loss } ?? report.loss
        if report.step % Trainer.stepsBetweenChecks == 0 { try trainer.checkRanks() }
    }

    /// What a checkpoint of now is about.
    private var description: CheckpointDescription {
        CheckpointDescription(
            environment: environment, splitSeed: splitSeed,
            trainedTasks: trainer.sampler.seenTasks.union(tasksBefore).sorted(), testTasks: testTasks)
    }

    /// The name of a checkpoint that is made now: `step-00020000`.
    package var checkpointName: String { Checkpoint.name(ofStep: steps) }

    /// A checkpoint of now, in memory: configuration, model, state of the optimiser, in the order in which they are
    /// to travel.
    package func checkpointFiles() throws -> [(name: String, content: Data)] {
        lastCheckpoint = steps
        let checkpoint = try trainer.checkpoint(description)
        return [
            (Checkpoint.configFile, checkpoint.config), (Checkpoint.modelFile, checkpoint.model),
            (Checkpoint.optimizerFile, try trainer.optimizerState()),
        ]
    }

    /// Writes a checkpoint of now into `folder`, under its name; gives back where it is.
    package func save(in folder: URL) throws -> URL {
        lastCheckpoint = steps
        let target = folder.appendingPathComponent(checkpointName)
        try trainer.saveCheckpoint(to: target, description)
        return target
    }

    /// For `status`, the catalogue and plots. Rates and times in seconds; the loss is the smoothed one.
    package var numbers: [String: Double] {
        var numbers: [String: Double] = [
            "transitions": Double(transitions), "streams": Double(streams), "progress": progress,
            "seconds": trainer.elapsedSeconds,
        ]
        if !isComplete { numbers["waiting"] = isWaiting ? 1 : 0 }
        if let lastReport {
            numbers["loss"] = smoothedLoss ?? lastReport.loss
            numbers["state_error"] = lastReport.stateError
            numbers["learning_rate"] = lastReport.learningRate
            numbers["gradient_norm"] = lastReport.gradientNorm
            numbers["tokens_per_second"] = Double(tokens) / max(1e-9, lastReport.elapsedSeconds - secondsBefore)
            if progress > 0 {
                numbers["seconds_left"] = lastReport.elapsedSeconds * (1 - progress) / progress
            }
        }
        return numbers
    }
}
