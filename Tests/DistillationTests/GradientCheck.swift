import Models
import Neural

/// One forward and backward pass over given windows, outside of any training: what tests of a model compare with
/// PyTorch or with finite differences of the objective. It uses the same `TrainingPass` and `ObservationEncoder` as the
/// trainer, with one worker, so that an error in a backward pass shows here first.
///
/// One thread calls it. It follows the model's parameters: a test may change one of them between two calls of `run`.
final class GradientCheck {
    /// Windows row by row, (B, c) each; `observations` (B, c, bytes) as their space stores them.
    struct Rows {
        var observations: [UInt8]
        /// The action that each row should predict; also the previous action of the row behind it.
        var targets: [Int32]
        /// The reward of each row, which the row behind it is given.
        var rewards: [Float]
        /// As in `WindowBatch.masked`: 1 hides the previous action, 2 the previous reward, 3 both.
        var masked: [UInt8]
        /// 1 where the row's target counts in the objective, otherwise 0.
        var taught: [UInt8]

        init(
            observations: [UInt8], targets: [Int32], rewards: [Float], masked: [UInt8], taught: [UInt8]
        ) {
            self.observations = observations
            self.targets = targets
            self.rewards = rewards
            self.masked = masked
            self.taught = taught
        }
    }

    struct Result {
        /// (B, c, A)
        let logits: [Float]
        /// Mean over the taught rows.
        let objective: Double
        /// Of the objective, laid out as the model's parameters.
        let gradient: FloatBuffer
    }

    private let model: any SequenceModel
    private let pass: any TrainingPass
    private let encoder: (any ObservationEncoder)?
    private let batch: WindowBatch
    /// Rows whose targets count.
    private let taught: Int

    /// `windows`: B. `rows` hold B windows of the model's whole context length.
    init(model: any SequenceModel, windows: Int, rows: Rows) {
        self.model = model
        let length = model.contextLength
        pass = model.makePasses(workers: 1, windows: windows, seed: 0)[0]
        encoder = model.makeEncoder(observations: windows * length, pool: WorkerPool(count: 1), seed: 0)
        batch = WindowBatch(windows: windows, form: model.form)
        taught = rows.taught.reduce(0) { $0 + Int($1) }
        rows.observations.withUnsafeBytes { observations in
            guard let start = observations.baseAddress else { return }
            for row in 0..<(windows * length) {
                batch.observe(start + row * model.spaces.observationBytes, row: row)
            }
        }
        for row in 0..<(windows * length) {
            let first = row % length == 0
            batch.previousActions[row] = first ? model.spaces.noAction : rows.targets[row - 1]
            batch.previousRewards[row] = first ? 0 : rows.rewards[row - 1]
            batch.masked[row] = rows.masked[row]
            batch.targets[row] = rows.targets[row]
            batch.taught[row] = rows.taught[row]
        }
    }

    /// With `step` there is dropout, that of the optimiser step of this number.
    func run(smoothing: Double, step: Int? = nil) -> Result {
        let gradient = FloatBuffer(model.parameters.count)
        let (windows, actions) = (0..<batch.windows, model.spaces.actionCount)
        let rows = batch.windows * batch.length
        pass.prepare()
        encoder?.forward(batch.observations, count: rows, step: step ?? 0, into: batch.vectors.start)
        let pointer = pass.forward(batch, windows: windows, step: step)
        let logits = Array(UnsafeBufferPointer(start: pointer, count: rows * actions))
        let sums = CrossEntropy.forwardBackward(
            pointer, targets: batch.targets, taught: batch.taught, rows: rows, classes: actions,
            smoothing: Float(smoothing), scale: 1 / Float(taught))
        pass.backward(batch, windows: windows, step: step, into: gradient.start)
        encoder?.backward(
            batch.vectorGradients.start, observations: batch.observations, count: rows, into: gradient.start)
        return Result(logits: logits, objective: sums.objective / Double(taught), gradient: gradient)
    }
}
