import Distillation
import Experiments
import Logging
import Nodes

/// Trains in the distiller's own process: a piece of work is a slice of loading or one step. What it has read of the
/// histories outlives a training.
final class SwiftEngine: TrainingEngine {
    let progress = WorkProgress()
    private let logger: Logger
    /// What is in memory; nil before the first lease.
    private var planned: PlannedDistillation?
    /// Nil before the first lease and when all is read.
    private var loading: DistillationLoading?
    /// Nil until the streams are read.
    private var training: DistillationRun?
    /// What was read of the histories; nil before the first lease.
    private var store: HistoriesReading?
    private var isDraining = false
    /// It was asked to leave in the middle of training, and the checkpoint to go on from was not yet taken.
    private var owesCheckpoint = false

    init(logger: Logger) { self.logger = logger }

    func take(_ order: TrainingOrder, now: UInt64) throws {
        if order.planned != planned { (planned, training, loading) = (order.planned, nil, nil) }
        defer { if !order.isGrowing { store?.historiesAreComplete() } }
        if let training {
            guard let newest = order.newest, newest.step > training.steps else { return }
            self.training = nil
        }
        if let loading {
            loading.resumeFrom = order.checkpoint
        } else {
            loading = DistillationLoading(
                experiment: order.context.experiment, settings: order.planned.settings,
                distribution: order.context.distribution, histories: order.histories, resumeFrom: order.checkpoint,
                store: store)
            store = loading?.store
            store?.onLeftOut = { [logger] _, reason in
                logger.warning("a stream is left out", metadata: ["reason": "\(reason)"])
            }
            loading?.onProgress = { [progress] in progress.advance() }
        }
    }

    var steps: Int? { training?.steps }
    var isFinished: Bool { training?.isFinished ?? false }
    var numbers: [String: Double] { training?.numbers ?? loading?.numbers ?? [:] }

    func work(now: UInt64) throws -> Bool {
        guard !isDraining else { return false }
        if let loading {
            guard let run = try loading.advance(now: now) else { return loading.isReading }
            logger.info(
                "streams loaded",
                metadata: [
                    "streams": "\(run.streams)", "transitions": "\(run.transitions)", "step": "\(run.steps)",
                ])
            if let note = run.memoryNote { logger.info("\(note)") }
            self.loading = nil
            run.onProgress = { [progress] in progress.advance() }
            training = run
        }
        guard let training, !training.isFinished else { return false }
        return try training.turn(now: now) != .waited && !training.isFinished
    }

    var isCheckpointDue: Bool {
        guard let training else { return false }
        return owesCheckpoint || training.isCheckpointDue || training.isFinished && training.hasNewSteps
    }

    func checkpoint() throws -> EngineCheckpoint {
        guard let training else { preconditionFailure("there is no training in memory") }
        owesCheckpoint = false
        return EngineCheckpoint(
            name: training.checkpointName, step: training.steps, files: try training.checkpointFiles())
    }

    func drain(now: UInt64) {
        isDraining = true
        owesCheckpoint = training.map { !$0.isFinished } ?? false
    }

    var isDrained: Bool { isDraining }
}
