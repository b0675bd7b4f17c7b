import Distillation
package import Environments
import Experience
package import Experiments
package import Foundation
import Models
import Nodes

/// One training run of the transformer on a folder of streams; the same for a node of a cluster and for
/// `distillery distill` on its own.
///
/// It puts the `Trainer` of `Distillation` together with what surrounds it here: which streams were read, which
/// checkpoint it goes on from, when the next checkpoint is due, numbers for people. Not safe to share: one thread
/// calls it, though a step computes on many.
///
/// ```swift
/// let loading = DistillationLoading(experiment: experiment, distribution: tasks, histories: folder, resumeFrom: nil)
/// var run: DistillationRun?
/// while run == nil { run = try loading.advance() }
/// while let run, !run.isFinished {
///     try run.step()
///     if run.isCheckpointDue { _ = try run.save(in: checkpoints) }
/// }
/// ```
package final class DistillationRun {
    private let trainer: Trainer
    private let description: CheckpointDescription
    private let checkpointEvery: Int
    /// How many checkpoints are to be kept; nil for all.
    package let keptCheckpoints: Int?
    /// The step of the last checkpoint.
    private var lastCheckpoint = 0
    /// Exponential mean of the loss in nats, each step weighted by 0.02; nil before the first step of this start.
    private var smoothedLoss: Double?
    /// Tokens that this start has trained on, for their rate.
    private var tokens = 0
    private var lastReport: StepReport?
    /// Seconds of an earlier start that this one goes on from.
    private let secondsBefore: Double
    /// Transitions that were read.
    package let transitions: Int
    /// Streams that were read and are learnt from.
    package let streams: Int
    /// Settings that are not those that the checkpoint was made with, and may be others.
    package private(set) var changes: [Experiment.Change] = []
    /// Streams that were left out because their recorder had given them up.
    package let quarantined: [String]

    /// Prepares training on `histories`, which were read from the folder `source`; `resumeFrom`: the folder of the
    /// checkpoint to go on from. Throws when the streams are of another environment than the experiment.
    init(
        experiment: Experiment, distribution: any TaskDistribution, histories data: LearningHistories, source: String,
        resumeFrom: URL?
    ) throws {
        let settings = experiment.distil
        guard let arrays = data.arrays, let environment = data.environment else {
            throw ClusterError(
                "\(source) has no sealed streams of the train split: collect first, or name another folder")
        }
        guard environment == distribution.environment else {
            throw ClusterError(
                "the streams in \(source) are of \(environment.name) \(environment.json); "
                    + "the experiment is on \(distribution.environment.name) \(distribution.environment.json)")
        }
        transitions = arrays.rowCount
        streams = arrays.streamCount
        quarantined = data.quarantined
        description = CheckpointDescription(
            environment: distribution.environment, splitSeed: experiment.tasks.splitSeed,
            trainedTasks: data.trainedTasks,
            testTasks: experiment.testTasks(of: distribution))
        checkpointEvery = settings.training.checkpointEvery
        keptCheckpoints = settings.training.keepCheckpoints
        let model: any SequenceModel
        var optimizer: Data?
        if let resumeFrom {
            changes = try Self.changes(experiment, distribution, since: resumeFrom)
            model = try Checkpoint(folder: resumeFrom).makeModel()
            optimizer = try Checkpoint.optimizerState(in: resumeFrom)
        } else {
            model = try settings.model.make(
                ModelSpaces(distribution.environment), seed: settings.training.seed)
        }
        trainer = try Trainer(
            model: model, training: settings.training, windows: settings.windows, data: arrays,
            resumeFrom: optimizer)
        lastCheckpoint = trainer.completedSteps
        secondsBefore = trainer.elapsedSeconds
    }

    /// The settings that the experiment has otherwise than the checkpoint in a folder, all of which may change on
    /// resume. Throws `ClusterError` that names those which may not, or another environment.
    package static func changes(
        _ experiment: Experiment, _ distribution: any TaskDistribution, since checkpoint: URL
    ) throws -> [Experiment.Change] {
        let configuration = try Checkpoint(folder: checkpoint).configuration()
        let trainedOn = configuration.description.environment
        guard trainedOn == distribution.environment else {
            throw ClusterError(
                "the checkpoint \(checkpoint.path) was trained on \(trainedOn.name) \(trainedOn.json); "
                    + "the experiment is on \(distribution.environment.name) \(distribution.environment.json)")
        }
        let changes = experiment.changes(since: configuration)
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
    /// The settings ask for no further step: the steps or the seconds that they allow are over.
    package var isFinished: Bool { trainer.isFinished }
    /// From 0 to 1: by steps or by time, whichever is further.
    package var progress: Double { trainer.progress }
    /// `training.checkpoint_every` steps have gone by since the last checkpoint.
    package var isCheckpointDue: Bool { steps - lastCheckpoint >= checkpointEvery }

    /// One step of training. Throws what the `Trainer` throws, as for a loss that is no number.
    package func step() throws {
        let report = try trainer.step()
        lastReport = report
        tokens += report.tokens
        smoothedLoss = smoothedLoss.map { 0.98 * $0 + 0.02 * report.loss } ?? report.loss
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
        if let lastReport {
            numbers["loss"] = smoothedLoss ?? lastReport.loss
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
