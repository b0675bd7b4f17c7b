import CKernels
import Environments
import Files
package import Foundation
package import Models
import Neural
import Settings

/// What one optimiser step did. Values are those of the step itself: the loss is of the parameters before the update.
package struct StepReport: Sendable, Equatable {
    /// Steps done, this one included.
    package let step: Int
    /// Mean negative log-likelihood of the taught actions, nats an action.
    package let loss: Double
    /// The same with label smoothing, which is what was minimised of it. The states' loss is not in it.
    package let objective: Double
    /// Squared distance of an embedding from its state, mean over all rows of the batch, of which padded ones count as 0; nil
    /// where no states are taught.
    package let stateError: Double?
    /// Of this step, by the schedule.
    package let learningRate: Double
    /// Global norm of the gradient before clipping.
    package let gradientNorm: Double
    /// Tokens that went through the model.
    package let tokens: Int
    /// Seconds of training so far, those before a resume included.
    package let elapsedSeconds: Double
}

/// Fits a sequence model to learning histories; one thread calls it, its workers are its own.
///
/// A batch is cut into micro-batches of a few windows. Each worker takes every n-th of them forward and backward in a
/// pass of its own and adds to its own gradient; then all workers reduce, clip and update their share of the flat
/// buffers. Where the model has an encoder, the whole batch goes through it before the passes, and back after them.
///
/// With 64 windows, 4 threads and a preferred pass of one window there are 64 micro-batches: worker 1 takes numbers 1,
/// 5, 9 and so on. All memory is taken by the initialiser. A trainer resumed from `optimizer.safetensors` goes on with
/// the step behind it and draws the windows that an uninterrupted one would have drawn.
///
/// As one of several ranks it takes its share of every batch alone; the gradient is summed over all ranks once a step,
/// and every rank then makes the same update. A window's dropout and masks are those of its number in the whole batch,
/// so that any number of ranks computes the same but for the order of floating-point sums. Time is that of rank 0.
package final class Trainer {
    package let model: any SequenceModel
    package let settings: TrainingSettings
    /// How windows are drawn.
    package let windows: WindowSettings
    /// Optimiser steps done.
    package private(set) var completedSteps = 0
    /// Called after each micro-batch of a step, by the thread that computed it.
    package var onProgress: (@Sendable () -> Void)?
    /// Adam's moments, laid out as the parameters.
    let first: FloatBuffer
    let second: FloatBuffer
    /// Where windows come from; sees what the store has since the last step or `refresh`.
    package let sampler: WindowSampler
    private let schedule: CosineSchedule
    private let adam: Adam
    private let pool: WorkerPool
    private let passes: [any TrainingPass]
    /// Nil where there is no other.
    let ranks: (any RankGroup)?
    private let share: BatchShare
    private let encoder: (any ObservationEncoder)?
    /// Nil where no states are taught.
    private let stateTeaching: StateTeaching?
    private let gradients: [FloatBuffer]
    private let batch: WindowBatch
    /// (micro-batches) sums of the objective and of the negative log-likelihood.
    private let objectives: UnsafeMutableBufferPointer<Double>
    private let likelihoods: UnsafeMutableBufferPointer<Double>
    /// (micro-batches) sums of the squared distances from the states.
    private let stateErrors: UnsafeMutableBufferPointer<Double>
    /// (workers) squared norm of each worker's share of the gradient.
    private let squares: UnsafeMutableBufferPointer<Double>
    /// (workers) actions that the windows filled by each worker teach.
    private let taughtOfWorker: UnsafeMutableBufferPointer<Int>
    private let now: () -> Double
    /// Rank 0's time when the ranks last summed; where there is one rank, its clock is asked.
    private var agreedNow = 0.0
    private var startedAt: Double?
    private var secondsBefore = 0.0
    /// Which streams the store has in memory, for a checkpoint; nil where it has all.
    package var streamsInMemory: StreamRotation.Position?

    /// Prepares training of `model`, which is changed in place. `resumeFrom`: the bytes of an `optimizer.safetensors`
    /// that belongs to the model's parameters. `selection`: which streams of the store count. `optimum`: the best possible
    /// return of a task by its id, for windows that are drawn by it. `now`: a monotonic clock in seconds. `ranks`: this process's
    /// view of those that train together; no collective call is made before `alignRanks`, which must then come before
    /// the first step. Throws `SettingsError` for settings out of range, `HistoriesError` for data that the model cannot
    /// be taught with, `FileError` for a state that does not fit, `TrainingError` where so many ranks cannot train it.
    package init(
        model: any SequenceModel, training: TrainingSettings, windows: WindowSettings, data: StreamStore,
        selection: StreamSelection? = nil, resumeFrom: Data? = nil, ranks: (any RankGroup)? = nil,
        optimum: @escaping (Int) -> Double? = { _ in nil },
        now: @escaping () -> Double = monotonicSeconds
    ) throws {
        try training.validate()
        try windows.validate()
        self.model = model
        settings = training
        self.windows = windows
        self.now = now
        sampler = try WindowSampler(
            data: data, settings: windows, selection: selection, form: model.form,
            maskingProbability: training.maskingProbability, seed: training.seed, optimum: optimum)
        schedule = CosineSchedule(
            start: training.startLearningRate, peak: training.peakLearningRate, final: training.finalLearningRate,
            warmupSteps: training.warmupSteps, steps: training.steps)
        adam = Adam(beta1: training.beta1, beta2: training.beta2, epsilon: training.epsilon)
        self.ranks = ranks.flatMap { $0.count > 1 ? $0 : nil }
        if let ranks, ranks.count > training.batchSize {
            throw TrainingError("there are \(ranks.count) ranks for the \(training.batchSize) windows of a batch")
        }
        share = BatchShare(
            batch: training.batchSize, rank: ranks?.rank ?? 0, ranks: ranks?.count ?? 1,
            preferredWindows: model.preferredWindows, threads: training.threads)
        let (microBatches, threads) = (share.passes, share.threads)
        pool = WorkerPool(count: threads)
        passes = model.makePasses(workers: threads, windows: share.windowsPerPass, seed: training.seed)
        encoder = model.makeEncoder(
            observations: training.batchSize * model.contextLength, pool: pool, seed: training.seed)
        gradients = (0..<threads).map { _ in FloatBuffer(model.parameters.count) }
        first = FloatBuffer(model.parameters.count)
        second = FloatBuffer(model.parameters.count)
        stateTeaching = try StateTeaching(
            weight: training.stateWeight, features: data.environment.stateFeatures, form: model.form)
        batch = WindowBatch(
            windows: training.batchSize, form: model.form, stateWidth: stateTeaching?.width ?? 0)
        objectives = .allocate(capacity: microBatches)
        likelihoods = .allocate(capacity: microBatches)
        stateErrors = .allocate(capacity: microBatches)
        squares = .allocate(capacity: threads)
        taughtOfWorker = .allocate(capacity: threads)
        objectives.initialize(repeating: 0)
        likelihoods.initialize(repeating: 0)
        stateErrors.initialize(repeating: 0)
        squares.initialize(repeating: 0)
        taughtOfWorker.initialize(repeating: 0)
        guard encoder == nil || self.ranks == nil else {
            throw TrainingError("a model whose encoder sees the whole batch is trained by one rank, not by several")
        }
        try checkRows()
        if let resumeFrom { try restore(resumeFrom) }
    }

    deinit {
        objectives.deallocate()
        likelihoods.deallocate()
        stateErrors.deallocate()
        squares.deallocate()
        taughtOfWorker.deallocate()
    }

    /// Rows of windows that a step shows, padding among them; of all ranks.
    package var rowsOfStep: Int { batch.windows * batch.length }

    /// Seconds of training so far, those before a resume included.
    package var elapsedSeconds: Double { secondsBefore + (startedAt.map { time() - $0 } ?? 0) }

    /// Of all ranks the same, so that all of them end with the same step.
    private func time() -> Double { ranks == nil ? now() : agreedNow }

    /// Until the next step no time of training passes.
    package func pause() {
        secondsBefore = elapsedSeconds
        startedAt = nil
    }

    /// Whether the steps are done or the time is up.
    package var isFinished: Bool { completedSteps >= settings.steps || timeShare >= 1 }

    /// Share of the work that is done, by steps or by time, whichever is further.
    package var progress: Double { min(1, max(Double(completedSteps) / Double(settings.steps), timeShare)) }

    /// Whether `share` of the work is done, by steps (rounded down) or by time.
    package func isPart(done share: Double) -> Bool {
        completedSteps >= Int(share * Double(settings.steps)) || timeShare >= share
    }

    /// Share of `maximumSeconds` that has passed; 0 where there is no limit.
    private var timeShare: Double { settings.maximumSeconds.map { elapsedSeconds / $0 } ?? 0 }

    /// One optimiser step: draws the batch from what the store has now, forward, backward, clips and updates. Throws
    /// `TrainingError` when the loss or the gradient is not a number any more; the parameters are then still those
    /// before the step. Throws `HistoriesError` where there is no whole episode.
    package func step() throws -> StepReport {
        sampler.refresh()
        try checkRows()
        if startedAt == nil { start() }
        let rate = schedule.rate(step: completedSteps, elapsedShare: timeShare)
        let taught = fillBatch()
        // How many actions all ranks teach is known when they have summed.
        let scale = ranks == nil ? 1 / Float(max(1, taught)) : 1 / Float(batch.windows * batch.length)
        computeGradients(scale: scale)
        let sums = sums(taught: taught)
        let weight = ranks == nil ? 1 : Double(batch.windows * batch.length) / max(1, sums.taught)
        let norm = weight * reduceGradients()
        let objective = sums.objective / max(1, sums.taught)
        let loss = sums.likelihood / max(1, sums.taught)
        guard norm.isFinite, loss.isFinite else {
            throw TrainingError(
                "training diverged at step \(completedSteps + 1): loss \(loss), gradient norm \(norm), learning rate \(rate); "
                    + "lower the peak learning rate or lengthen the warm-up")
        }
        update(rate: rate, scale: weight * Adam.clipScale(norm: norm, limit: settings.gradientClip))
        completedSteps += 1
        return StepReport(
            step: completedSteps, loss: loss, objective: objective, stateError: stateError, learningRate: rate,
            gradientNorm: norm,
            tokens: settings.batchSize * model.choice.dimensions.tokens, elapsedSeconds: elapsedSeconds)
    }

    /// Draws this rank's windows on all threads, which for images is to render them. Returns how many actions they teach.
    private func fillBatch() -> Int {
        pool.run { worker in
            taughtOfWorker[worker] = 0
            for index in stride(from: share.windows.lowerBound + worker, to: share.windows.upperBound, by: pool.count) {
                taughtOfWorker[worker] += sampler.fill(batch, step: completedSteps, index: index)
            }
        }
        return taughtOfWorker.reduce(0, +)
    }

    private func checkRows() throws {
        guard sampler.rowCount > 0 else {
            throw HistoriesError(
                "there is no whole episode in \(sampler.streamCount) streams that count: nothing to learn from")
        }
    }

    /// The clock of training begins to run.
    private func start() {
        if ranks != nil { _ = sums(taught: 0) }
        startedAt = time()
    }

    /// What the micro-batches of the step have found, of all ranks.
    private func sums(taught: Int) -> StepSums {
        var sums = StepSums(
            objective: objectives.reduce(0, +), likelihood: likelihoods.reduce(0, +), taught: Double(taught))
        guard let ranks else { return sums }
        sums.now = now()
        sums.add(over: ranks)
        agreedNow = sums.now
        return sums
    }

    /// Adds the gradient of this rank's windows to the workers' buffers. `scale`: of an action's gradient.
    private func computeGradients(scale: Float) {
        let rows = batch.windows * batch.length
        pool.run { worker in passes[worker].prepare() }
        encoder?.forward(batch.observations, count: rows, step: completedSteps, into: batch.vectors.start)
        pool.run { worker in
            for micro in stride(from: worker, to: objectives.count, by: pool.count) {
                learn(from: micro, worker, scale: scale)
                onProgress?()
            }
        }
        encoder?.backward(
            batch.vectorGradients.start, observations: batch.observations, count: rows, into: gradients[0].start)
    }

    /// Adds the gradient of micro-batch number `micro` to that of a worker.
    private func learn(from micro: Int, _ worker: Int, scale: Float) {
        let windows = share.windows(ofPass: micro)
        let row = windows.lowerBound * batch.length
        let logits = passes[worker].forward(batch, windows: windows, step: completedSteps)
        let sums = CrossEntropy.forwardBackward(
            logits, targets: batch.targets + row, taught: batch.taught + row, rows: windows.count * batch.length,
            classes: model.spaces.actionCount, smoothing: Float(settings.labelSmoothing), scale: scale)
        objectives[micro] = sums.objective
        likelihoods[micro] = sums.nats
        passes[worker].backward(batch, windows: windows, step: completedSteps, into: gradients[worker].start)
        if let stateTeaching { stateErrors[micro] = stateTeaching.addGradients(to: batch, windows: windows) }
    }

    /// A row's, of the last step.
    private var stateError: Double? {
        stateTeaching == nil ? nil : stateErrors.reduce(0, +) / Double(batch.windows * batch.length)
    }

    /// Adds the gradients of all workers, and of all ranks, into the first worker's, and returns the global norm.
    private func reduceGradients() -> Double {
        pool.run { worker in
            let range = range(of: worker)
            for other in gradients.dropFirst() {
                ck_take(gradients[0].start + range.lowerBound, other.start + range.lowerBound, range.count)
            }
            if ranks == nil { sumSquares(worker) }
        }
        if let ranks {
            ranks.sum(gradients[0].start, count: gradients[0].count)
            pool.run { worker in sumSquares(worker) }
        }
        return squares.reduce(0, +).squareRoot()
    }

    private func sumSquares(_ worker: Int) {
        let range = range(of: worker)
        squares[worker] = ck_sum_squares(gradients[0].start + range.lowerBound, range.count)
    }

    /// Adam on every worker's share. The gradient is multiplied by `scale` first, and is zero afterwards.
    private func update(rate: Double, scale: Double) {
        pool.run { worker in
            adam.update(
                model.parameters, gradient: gradients[0], first: first, second: second, range: range(of: worker),
                step: completedSteps + 1, rate: rate, gradientScale: scale)
        }
    }

    /// The part of the flat buffers that a worker reduces and updates, in whole cache lines.
    private func range(of worker: Int) -> Range<Int> {
        let lines = model.parameters.count / 16
        return (lines * worker / pool.count * 16)..<(lines * (worker + 1) / pool.count * 16)
    }
}

extension Trainer {
    /// The bytes of `optimizer.safetensors`: both moments, the steps and the seconds done.
    package func optimizerState() throws -> Data {
        try OptimizerState.encode(
            model.parameterLayout, first: first, second: second, steps: completedSteps, seconds: elapsedSeconds,
            streamsInMemory: streamsInMemory)
    }

    /// Takes over the moments, the steps and the seconds of an earlier training.
    private func restore(_ data: Data) throws {
        let done = try OptimizerState.read(data, layout: model.parameterLayout, first: first, second: second)
        goOn(after: done.steps, seconds: done.seconds)
    }

    /// Steps and seconds of an earlier training count, too.
    func goOn(after steps: Int, seconds: Double) {
        completedSteps = steps
        secondsBefore = seconds
    }
}

/// The contents of an `optimizer.safetensors`: the tensors `first.NAME` and `second.NAME` of each parameter, and steps
/// and seconds in its metadata, and which streams were in memory where not all of them are. It has no schedule and no random state, since both follow from the step.
enum OptimizerState {
    /// Of the metadata: where the rotation of streams was, in a training whose histories do not fit in memory.
    static let streamsKey = "streams_in_memory"

    /// The bytes of the file; `streamsInMemory` where not all of them are.
    static func encode(
        _ layout: ParameterLayout, first: FloatBuffer, second: FloatBuffer, steps: Int, seconds: Double,
        streamsInMemory: StreamRotation.Position? = nil
    ) throws -> Data {
        try Safetensors.encode(
            layout, parts: [("first.", first), ("second.", second)],
            metadata: ["step": "\(steps)", "seconds": "\(seconds)"].merging(
                streamsInMemory.map { [streamsKey: $0.description] } ?? [:]
            ) { $1 })
    }

    /// Reads and checks the moments; gives the steps and seconds of training that made them. Throws `FileError`.
    static func read(
        _ data: Data, layout: ParameterLayout, first: FloatBuffer, second: FloatBuffer
    ) throws -> (steps: Int, seconds: Double) {
        let name = Checkpoint.optimizerFile
        let file = try Safetensors(data, name: name)
        guard let step = file.metadata["step"].flatMap(Int.init), (0...1_000_000_000).contains(step),
            let seconds = file.metadata["seconds"].flatMap(Double.init), seconds.isFinite, seconds >= 0
        else { throw FileError("\(name) does not say how many steps and seconds of training it continues") }
        try file.read(layout, prefix: "first.", into: first)
        try file.read(layout, prefix: "second.", into: second)
        guard first.values.allSatisfy(\.isFinite), second.values.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
            throw FileError("\(name) holds moments that no training leaves: not finite, or squares below 0")
        }
        return (step, seconds)
    }
}

/// Training that cannot go on, with the step, the loss and what to change. The trainer must not be used after it.
package struct TrainingError: Error, CustomStringConvertible, Sendable {
    package let description: String
    init(_ description: String) { self.description = description }
}
