import Neural

/// Frozen weights over whole windows by way of a training pass: what a model gets that has nothing faster. A causal
/// model says the same of a row whatever stands behind it, so the rows behind the wanted one may hold anything.
final class PassInference: WindowInference {
    private let pass: any TrainingPass
    private let actionCount: Int

    /// Takes over the parameters as they are: `prepare` is called here alone, so later changes need a new inference.
    init(_ model: any SequenceModel, windows: Int) {
        pass = model.makePasses(workers: 1, windows: windows, seed: 0)[0]
        actionCount = model.spaces.actionCount
        pass.prepare()
    }

    /// The logits (windows, actions) of row `length` - 1 of each window; the rows behind it may hold anything.
    func lastLogits(_ batch: WindowBatch, windows: Int, length: Int, into logits: UnsafeMutablePointer<Float>) {
        let all = pass.forward(batch, windows: 0..<windows, step: nil)
        for window in 0..<windows {
            let row = window * batch.length + length - 1
            (logits + window * actionCount).update(from: all + row * actionCount, count: actionCount)
        }
    }
}
