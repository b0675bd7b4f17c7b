import CKernels
import Neural

/// One worker's way through the transformer: forward and backward of a few windows at a time in its own arena.
///
/// Every operation has its forward and its backward function side by side. D: model dimension; H: heads. Backward, the
/// gradient of what is at hand lies in `arena.gradient` (rows, D); a half of a block takes its branch from
/// `arena.branch` and adds to `arena.gradient` what flows past it.
///
/// One thread calls it; the packed weights are shared by the passes of all workers.
final class TransformerPass: TrainingPass {
    /// Which blocks' weights this worker packs for all: `worker`, `worker + workers`, ...
    struct Share {
        let worker: Int
        let workers: Int
    }

    private let model: TransformerModel
    let layout: TransformerLayout
    let arena: TransformerArena
    private let packed: PackedWeights
    private let share: Share
    private let dropouts: Dropouts
    private let feedForward: FeedForward
    private let d: Int
    private let heads: Int

    /// `packed`: the weights that the passes of all workers read. `windows`: at most so many at a time.
    init(_ model: TransformerModel, _ packed: PackedWeights, share: Share, windows: Int, seed: UInt64) {
        self.model = model
        self.packed = packed
        self.share = share
        layout = model.layout
        (d, heads) = (layout.settings.modelDimension, layout.settings.heads)
        arena = TransformerArena(layout, sequences: windows, training: true)
        dropouts = Dropouts(layout.settings, seed: seed)
        feedForward = layout.feedForward
    }

    private var parameters: UnsafeMutablePointer<Float> { model.parameters.start }

    func prepare() { packed.pack(parameters, first: share.worker, step: share.workers) }

    func forward(_ batch: WindowBatch, windows: Range<Int>, step: Int?) -> UnsafeMutablePointer<Float> {
        let portion = portion(batch, windows, step)
        embedForward(portion)
        for index in layout.blocks.indices {
            attentionForward(index, portion)
            normForward(attentionNorm(index), portion)
            mlpForward(index, portion)
            normForward(mlpNorm(index), portion)
        }
        headForward(portion)
        return arena.logits
    }

    func backward(
        _ batch: WindowBatch, windows: Range<Int>, step: Int?, into gradients: UnsafeMutablePointer<Float>
    ) {
        let portion = portion(batch, windows, step)
        headBackward(portion, gradients)
        for index in layout.blocks.indices.reversed() {
            normBackward(mlpNorm(index), portion, gradients)
            mlpBackward(index, portion, gradients)
            normBackward(attentionNorm(index), portion, gradients)
            attentionBackward(index, portion, gradients)
        }
        embedBackward(portion, gradients)
    }
}

// MARK: What a call works on

extension TransformerPass {
    /// The windows of a batch that one call takes through the model, and the step that decides its dropout.
    private struct Portion {
        let batch: WindowBatch
        let windows: Range<Int>
        let step: Int?
        /// Tokens of a window.
        let tokens: Int

        /// Tokens of all windows.
        var rows: Int { windows.count * tokens }
        /// Tokens that predict an action.
        var predictions: Int { windows.count * batch.length }

        /// Calls `body` with the number of each window in its batch and its first token in the arena.
        @inline(__always)
        func forEachWindow(_ body: (_ window: Int, _ row: Int) -> Void) {
            for window in windows { body(window, (window - windows.lowerBound) * tokens) }
        }
    }

    private func portion(_ batch: WindowBatch, _ windows: Range<Int>, _ step: Int?) -> Portion {
        let tokens = batch.length * perTransition
        precondition(windows.count <= arena.sequences && tokens <= arena.tokens)
        return Portion(batch: batch, windows: windows, step: step, tokens: tokens)
    }

    /// Tokens of a transition; the last of them is the one that predicts.
    private var perTransition: Int { layout.settings.tokensPerTransition }
}

// MARK: Embedding

extension TransformerPass {
    /// Tokens of all windows into the first block's input (rows, D).
    private func embedForward(_ portion: Portion) {
        var tables = layout.embedding(parameters)
        portion.forEachWindow { window, row in
            var tokens = portion.batch.tokens(from: window * portion.batch.length)
            let x = arena.blocks[0].input + row * d
            layout.embedForward(
                &tables, &tokens, vectors: portion.batch.vectors(from: window * portion.batch.length),
                rows: portion.batch.length, width: d, into: x)
            dropouts.make(.embedding, 0, window, portion.step).apply(x, count: portion.tokens * d)
        }
    }

    /// From the gradient in `arena.gradient`, which has gone back through the dropout afterwards.
    private func embedBackward(_ portion: Portion, _ gradients: UnsafeMutablePointer<Float>) {
        var tables = layout.embedding(gradients)
        portion.forEachWindow { window, row in
            var tokens = portion.batch.tokens(from: window * portion.batch.length)
            let dx = arena.gradient + row * d
            dropouts.make(.embedding, 0, window, portion.step).apply(dx, count: portion.tokens * d)
            layout.embedBackward(
                &tables, &tokens,
                vectorGradients: portion.batch.vectorGradients(from: window * portion.batch.length),
                rows: portion.batch.length, width: d, from: dx)
        }
    }
}

// MARK: Attention

extension TransformerPass {
    /// Projection, heads, projection: from a block's input to what its first norm is given (rows, D), without its bias.
    private func attentionForward(_ index: Int, _ portion: Portion) {
        let (kept, weights) = (arena.blocks[index], packed.blocks[index])
        Product.plain(
            kept.input, stride: d, weights.inTransposed, stride: 3 * d, into: kept.projected, stride: 3 * d,
            rows: portion.rows, columns: 3 * d, depth: d)
        headsForward(index, portion)
        Product.plain(
            kept.attended, stride: d, weights.outTransposed, stride: d, into: kept.normalised1, stride: d,
            rows: portion.rows, columns: d, depth: d)
    }

    /// From the gradient in `arena.branch`; adds that of the block's input to `arena.gradient`.
    private func attentionBackward(_ index: Int, _ portion: Portion, _ gradients: UnsafeMutablePointer<Float>) {
        let (block, kept, rows) = (layout.blocks[index], arena.blocks[index], portion.rows)
        Product.transposed(
            arena.branch, stride: d, kept.attended, stride: d, addingTo: gradients + block.outWeight, stride: d,
            rows: d, columns: d, depth: rows)
        // What the heads gave is not needed any more; its gradient takes its place.
        Product.plain(
            arena.branch, stride: d, parameters + block.outWeight, stride: d, into: kept.attended, stride: d,
            rows: rows, columns: d, depth: d)
        headsBackward(index, portion)
        ck_column_sums(arena.projectedGradient, gradients + block.inBias, rows, 3 * d)
        Product.transposed(
            arena.projectedGradient, stride: 3 * d, kept.input, stride: d, addingTo: gradients + block.inWeight,
            stride: d, rows: 3 * d, columns: d, depth: rows)
        Product.plain(
            arena.projectedGradient, stride: 3 * d, parameters + block.inWeight, stride: d, into: arena.gradient,
            stride: d, rows: rows, columns: d, depth: 3 * d, accumulate: true)
    }

    /// From projections (rows, 3D) to the heads' outputs (rows, D).
    private func headsForward(_ index: Int, _ portion: Portion) {
        let kept = arena.blocks[index]
        let bias = parameters + layout.blocks[index].inBias
        forEachHead(index, portion) { attention, head in
            attention.forward(
                kept.projected + head.row * 3 * d + head.column, bias: bias + head.column,
                into: kept.attended + head.row * d + head.column, weights: kept.weights + head.weights,
                scratch: arena.attentionScratch, dropout: head.dropout)
        }
    }

    /// From the gradient in the place of the heads' outputs to that of the projections, in `arena.projectedGradient`.
    private func headsBackward(_ index: Int, _ portion: Portion) {
        let kept = arena.blocks[index]
        forEachHead(index, portion) { attention, head in
            attention.backward(
                kept.attended + head.row * d + head.column, qkv: kept.projected + head.row * 3 * d + head.column,
                weights: kept.weights + head.weights,
                into: arena.projectedGradient + head.row * 3 * d + head.column, scratch: arena.attentionScratch,
                dropout: head.dropout)
        }
    }

    /// One head of one window: its first token and column, and where its attention weights are kept. `row` counts
    /// tokens; `column` and `weights` count floats.
    private struct Head {
        let row: Int
        let column: Int
        let weights: Int
        let dropout: Dropout
    }

    /// Calls `body` for every head of every window of the portion, in order; each head has a dropout of its own.
    @inline(__always)
    private func forEachHead(_ index: Int, _ portion: Portion, _ body: (CausalAttention, Head) -> Void) {
        let attention = CausalAttention(tokens: portion.tokens, dimension: d, headDimension: d / heads)
        portion.forEachWindow { window, row in
            for head in 0..<heads {
                let place = (window - portion.windows.lowerBound) * heads + head
                body(
                    attention,
                    Head(
                        row: row, column: head * attention.headDimension, weights: place * arena.weightsPerHead,
                        dropout: dropouts.make(.attention, index * heads + head, window, portion.step)))
            }
        }
    }
}

// MARK: MLP

extension TransformerPass {
    /// From the first norm's output to what the second is given (rows, D), without its bias.
    private func mlpForward(_ index: Int, _ portion: Portion) {
        let kept = arena.blocks[index]
        feedForward.forward(
            kept.middle, packed.blocks[index].feedForward, bias: parameters + layout.blocks[index].fc1Bias,
            kept: kept.hidden, activated: arena.activated, into: kept.normalised2, rows: portion.rows)
    }

    /// From the gradient in `arena.branch`; adds that of the MLP's input to `arena.gradient`.
    private func mlpBackward(_ index: Int, _ portion: Portion, _ gradients: UnsafeMutablePointer<Float>) {
        let (block, kept) = (layout.blocks[index], arena.blocks[index])
        feedForward.backward(
            arena.branch, x: kept.middle, w1: parameters + block.fc1Weight, packed.blocks[index].feedForward,
            kept: kept.hidden, activated: arena.activated, gradient: arena.hiddenGradient,
            dW1: gradients + block.fc1Weight, dBias: gradients + block.fc1Bias, dW2: gradients + block.fc2Weight,
            addingTo: arena.gradient, rows: portion.rows)
    }
}

// MARK: Residual and norm

extension TransformerPass {
    /// What ends each half of a block: where its rows lie in the arena and its parameters in the flat buffer.
    private struct Norm {
        let residual, z, output, inverse: UnsafeMutablePointer<Float>
        let bias, gain, shift: Int
        /// Number among all of the model's residual dropouts.
        let site: Int
    }

    /// The norm behind a block's attention.
    private func attentionNorm(_ index: Int) -> Norm {
        let (block, kept) = (layout.blocks[index], arena.blocks[index])
        return Norm(
            residual: kept.input, z: kept.normalised1, output: kept.middle, inverse: kept.inverse1,
            bias: block.outBias, gain: block.gain1, shift: block.shift1, site: 2 * index)
    }

    /// The norm behind a block's MLP, whose output is the next block's input.
    private func mlpNorm(_ index: Int) -> Norm {
        let (block, kept) = (layout.blocks[index], arena.blocks[index])
        let next = index + 1 < layout.blocks.count ? arena.blocks[index + 1].input : arena.output
        return Norm(
            residual: kept.middle, z: kept.normalised2, output: next, inverse: kept.inverse2, bias: block.fc2Bias,
            gain: block.gain2, shift: block.shift2, site: 2 * index + 1)
    }

    /// A half of a block ends: residual, dropout and norm, window by window, since each window has its own dropout.
    private func normForward(_ norm: Norm, _ portion: Portion) {
        portion.forEachWindow { window, row in
            ResidualNorm.forward(
                residual: norm.residual + row * d, norm.z + row * d, bias: parameters + norm.bias,
                gain: parameters + norm.gain, shift: parameters + norm.shift, into: norm.output + row * d,
                inverse: norm.inverse + row, rows: portion.tokens, dimension: d,
                dropout: dropouts.make(.residual, norm.site, window, portion.step))
        }
    }

    /// From the gradient of its output in `arena.gradient` to that of the residual in its place and of z in
    /// `arena.branch`.
    private func normBackward(_ norm: Norm, _ portion: Portion, _ gradients: UnsafeMutablePointer<Float>) {
        portion.forEachWindow { window, row in
            ResidualNorm.backward(
                arena.gradient + row * d, normalised: norm.z + row * d, inverse: norm.inverse + row,
                gain: parameters + norm.gain, dResidual: arena.gradient + row * d, dz: arena.branch + row * d,
                dGain: gradients + norm.gain, dShift: gradients + norm.shift, dBias: gradients + norm.bias,
                rows: portion.tokens, dimension: d,
                dropout: dropouts.make(.residual, norm.site, window, portion.step))
        }
    }
}

// MARK: Head

extension TransformerPass {
    /// The first of the tokens that predict, which lie `perTransition` rows apart.
    private func predicting(_ tokens: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        tokens + (perTransition - 1) * d
    }

    /// Logits (predictions, A) of the tokens that predict.
    private func headForward(_ portion: Portion) {
        Linear.forward(
            predicting(arena.output), weight: parameters + layout.headWeight, into: arena.logits,
            rows: portion.predictions, inputs: d, outputs: layout.actionCount, inputStride: perTransition * d)
        ck_bias_add(arena.logits, parameters + layout.headBias, portion.predictions, layout.actionCount)
    }

    /// From the gradient of the logits to that of the last block's output, which is 0 for tokens that predict nothing.
    private func headBackward(_ portion: Portion, _ gradients: UnsafeMutablePointer<Float>) {
        let (actions, predictions, stride) = (layout.actionCount, portion.predictions, perTransition * d)
        if perTransition > 1 { arena.gradient.update(repeating: 0, count: predictions * stride) }
        Linear.weightGradient(
            arena.logits, predicting(arena.output), into: gradients + layout.headWeight, rows: predictions, inputs: d,
            outputs: actions, inputStride: stride)
        ck_column_sums(arena.logits, gradients + layout.headBias, predictions, actions)
        Linear.inputGradient(
            arena.logits, weight: parameters + layout.headWeight, into: predicting(arena.gradient), rows: predictions,
            inputs: d, outputs: actions, stride: stride)
    }
}
