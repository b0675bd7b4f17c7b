package import Neural

/// One forward and backward pass over given windows, outside of any training: what tests compare with PyTorch.
package final class GradientCheck {
    /// (B, c) each, `components` (B, c, width) as values of the observation's components.
    package struct Rows {
        package var components: [UInt8]
        package var targets: [Int32]
        package var rewards: [Float]
        package var masked: [UInt8]
        package var taught: [UInt8]

        package init(
            components: [UInt8], targets: [Int32], rewards: [Float], masked: [UInt8], taught: [UInt8]
        ) {
            self.components = components
            self.targets = targets
            self.rewards = rewards
            self.masked = masked
            self.taught = taught
        }
    }

    package struct Result {
        /// (B, c, A)
        package let logits: [Float]
        /// Mean over the taught rows.
        package let objective: Double
        package let gradient: FloatBuffer
    }

    private let model: TransformerModel
    private let pass: TransformerPass
    private let packed: PackedWeights
    private let batch: WindowBatch
    private let taught: Int

    package init(model: TransformerModel, windows: Int, rows: Rows) {
        self.model = model
        let length = model.settings.contextLength
        let counts = model.vocabulary.componentCounts
        pass = TransformerPass(model.layout, sequences: windows, training: true)
        packed = PackedWeights(model.layout, training: true)
        batch = WindowBatch(windows: windows, length: length, width: counts.count)
        taught = rows.taught.reduce(0) { $0 + Int($1) }
        for row in 0..<(windows * length) {
            let first = row % length == 0
            for component in counts.indices {
                batch.components[row * counts.count + component] =
                    Int32(counts[..<component].reduce(0, +)) + Int32(rows.components[row * counts.count + component])
            }
            batch.previousActions[row] = first ? model.vocabulary.noAction : rows.targets[row - 1]
            batch.previousRewards[row] = first ? 0 : rows.rewards[row - 1]
            batch.masked[row] = rows.masked[row]
            batch.targets[row] = rows.targets[row]
            batch.taught[row] = rows.taught[row]
        }
    }

    /// With `step` there is dropout, that of the optimiser step of this number.
    package func run(smoothing: Double, step: Int? = nil) -> Result {
        let gradient = FloatBuffer(model.parameters.count)
        let (windows, length, actions) = (batch.windows, batch.length, model.layout.actionCount)
        let rows = windows * length
        packed.pack(model.parameters.start)
        pass.forward(
            model.parameters.start, packed, batch, firstRow: 0, sequences: windows, length: length, step: step)
        let logits = Array(UnsafeBufferPointer(start: pass.arena.logits, count: rows * actions))
        let sums = CrossEntropy.forwardBackward(
            pass.arena.logits, targets: batch.targets, taught: batch.taught, rows: rows, classes: actions,
            smoothing: Float(smoothing), scale: 1 / Float(taught))
        pass.backward(
            model.parameters.start, packed, gradients: gradient.start, batch, firstRow: 0, sequences: windows,
            length: length, step: step)
        return Result(logits: logits, objective: sums.objective / Double(taught), gradient: gradient)
    }
}
