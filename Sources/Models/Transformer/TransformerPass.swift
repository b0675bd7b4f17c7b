import CKernels
import Experience
import Neural

/// One worker's way through the transformer: forward and backward of a few sequences at a time in its own arena.
package final class TransformerPass {
    package let layout: TransformerLayout
    package let arena: TransformerArena
    private let dropouts: Dropouts
    private let feedForward: FeedForward

    package init(_ layout: TransformerLayout, sequences: Int, training: Bool, seed: UInt64 = 0) {
        self.layout = layout
        arena = TransformerArena(layout, sequences: sequences, training: training)
        dropouts = Dropouts(layout.settings, seed: seed)
        feedForward = layout.feedForward
    }

    private var d: Int { layout.settings.modelDimension }
    private var heads: Int { layout.settings.heads }
    /// Tokens of a transition; the last of them is the one that predicts.
    private var perTransition: Int { layout.settings.tokenLayout.tokensPerTransition }

    /// Logits of `sequences` sequences of `length` transitions into `arena.logits` (sequences, length, A).
    ///
    /// `packed` are the weights of `parameters`. With `step` there is dropout: that of the sequences numbered from
    /// `firstSequence` in optimiser step `step`.
    package func forward(
        _ parameters: UnsafeMutablePointer<Float>, _ packed: PackedWeights, _ batch: WindowBatch, firstRow: Int,
        sequences: Int,
        length transitions: Int,
        firstSequence: Int = 0, step: Int? = nil
    ) {
        let length = transitions * perTransition
        precondition(sequences <= arena.sequences && length <= arena.tokens)
        let rows = sequences * length
        embed(parameters, batch, firstRow, sequences, transitions, firstSequence, step)
        for index in layout.blocks.indices {
            let block = layout.blocks[index]
            let kept = arena.blocks[index]
            let next = index + 1 < layout.blocks.count ? arena.blocks[index + 1].input : arena.output
            Product.plain(
                kept.input, stride: d, packed.blocks[index].inTransposed, stride: 3 * d, into: kept.projected,
                stride: 3 * d, rows: rows, columns: 3 * d, depth: d)
            attend(parameters + block.inBias, kept, index, sequences, length, firstSequence, step)
            Product.plain(
                kept.attended, stride: d, packed.blocks[index].outTransposed, stride: d, into: kept.normalised1,
                stride: d, rows: rows, columns: d, depth: d)
            for sequence in 0..<sequences {
                let row = sequence * length
                ResidualNorm.forward(
                    residual: kept.input + row * d, kept.normalised1 + row * d, bias: parameters + block.outBias,
                    gain: parameters + block.gain1, shift: parameters + block.shift1, into: kept.middle + row * d,
                    inverse: kept.inverse1 + row, rows: length, dimension: d,
                    dropout: dropouts.make(.residual, 2 * index, firstSequence + sequence, step))
            }
            feedForward.forward(
                kept.middle, packed.blocks[index].feedForward, bias: parameters + block.fc1Bias, kept: kept.hidden,
                activated: arena.activated, into: kept.normalised2, rows: rows)
            for sequence in 0..<sequences {
                let row = sequence * length
                ResidualNorm.forward(
                    residual: kept.middle + row * d, kept.normalised2 + row * d, bias: parameters + block.fc2Bias,
                    gain: parameters + block.gain2, shift: parameters + block.shift2, into: next + row * d,
                    inverse: kept.inverse2 + row, rows: length, dimension: d,
                    dropout: dropouts.make(.residual, 2 * index + 1, firstSequence + sequence, step))
            }
        }
        Linear.forward(
            predicting(arena.output), weight: parameters + layout.headWeight, into: arena.logits,
            rows: sequences * transitions, inputs: d, outputs: layout.actionCount, inputStride: perTransition * d)
        ck_bias_add(arena.logits, parameters + layout.headBias, sequences * transitions, layout.actionCount)
    }

    /// Adds to `gradients` what `arena.logits`, which holds the gradient of the logits by now, asks for.
    /// Precondition: the arena was made for training and `forward` has just run with the same arguments.
    package func backward(
        _ parameters: UnsafeMutablePointer<Float>, _ packed: PackedWeights, gradients: UnsafeMutablePointer<Float>,
        _ batch: WindowBatch,
        firstRow: Int, sequences: Int, length transitions: Int, firstSequence: Int = 0, step: Int? = nil
    ) {
        let length = transitions * perTransition
        let rows = sequences * length
        headBackward(parameters, gradients: gradients, predictions: sequences * transitions)
        for index in layout.blocks.indices.reversed() {
            let block = layout.blocks[index]
            let kept = arena.blocks[index]
            for sequence in 0..<sequences {
                let row = sequence * length
                ResidualNorm.backward(
                    arena.gradient + row * d, normalised: kept.normalised2 + row * d, inverse: kept.inverse2 + row,
                    gain: parameters + block.gain2, dResidual: arena.gradient + row * d, dz: arena.branch + row * d,
                    dGain: gradients + block.gain2, dShift: gradients + block.shift2,
                    dBias: gradients + block.fc2Bias, rows: length, dimension: d,
                    dropout: dropouts.make(.residual, 2 * index + 1, firstSequence + sequence, step))
            }
            feedForward.backward(
                arena.branch, x: kept.middle, w1: parameters + block.fc1Weight, packed.blocks[index].feedForward,
                kept: kept.hidden, activated: arena.activated, gradient: arena.hiddenGradient,
                dW1: gradients + block.fc1Weight, dBias: gradients + block.fc1Bias,
                dW2: gradients + block.fc2Weight, addingTo: arena.gradient, rows: rows)
            for sequence in 0..<sequences {
                let row = sequence * length
                ResidualNorm.backward(
                    arena.gradient + row * d, normalised: kept.normalised1 + row * d, inverse: kept.inverse1 + row,
                    gain: parameters + block.gain1, dResidual: arena.gradient + row * d, dz: arena.branch + row * d,
                    dGain: gradients + block.gain1, dShift: gradients + block.shift1,
                    dBias: gradients + block.outBias, rows: length, dimension: d,
                    dropout: dropouts.make(.residual, 2 * index, firstSequence + sequence, step))
            }
            Product.transposed(
                arena.branch, stride: d, kept.attended, stride: d, addingTo: gradients + block.outWeight, stride: d,
                rows: d, columns: d, depth: rows)
            // What the heads gave is not needed any more; its gradient takes its place.
            Product.plain(
                arena.branch, stride: d, parameters + block.outWeight, stride: d, into: kept.attended, stride: d,
                rows: rows, columns: d, depth: d)
            attendBackward(kept, index, sequences, length, firstSequence, step)
            ck_column_sums(arena.projectedGradient, gradients + block.inBias, rows, 3 * d)
            Product.transposed(
                arena.projectedGradient, stride: 3 * d, kept.input, stride: d, addingTo: gradients + block.inWeight,
                stride: d, rows: 3 * d, columns: d, depth: rows)
            Product.plain(
                arena.projectedGradient, stride: 3 * d, parameters + block.inWeight, stride: d, into: arena.gradient,
                stride: d, rows: rows, columns: d, depth: 3 * d, accumulate: true)
        }
        embedBackward(gradients, batch, firstRow, sequences, transitions, firstSequence, step)
    }

    /// The first of the tokens that predict, which lie `perTransition` rows apart.
    private func predicting(_ tokens: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        tokens + (perTransition - 1) * d
    }

    /// From the gradient of the logits to that of the last block's output, which is 0 for tokens that predict nothing.
    private func headBackward(
        _ parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>, predictions: Int
    ) {
        let actions = layout.actionCount
        let stride = perTransition * d
        if perTransition > 1 { arena.gradient.update(repeating: 0, count: predictions * stride) }
        Linear.weightGradient(
            arena.logits, predicting(arena.output), into: gradients + layout.headWeight, rows: predictions, inputs: d,
            outputs: actions, inputStride: stride)
        ck_column_sums(arena.logits, gradients + layout.headBias, predictions, actions)
        Linear.inputGradient(
            arena.logits, weight: parameters + layout.headWeight, into: predicting(arena.gradient), rows: predictions,
            inputs: d, outputs: actions, stride: stride)
    }

    private func embed(
        _ parameters: UnsafeMutablePointer<Float>, _ batch: WindowBatch, _ firstRow: Int, _ sequences: Int,
        _ length: Int, _ firstSequence: Int, _ step: Int?
    ) {
        var tables = layout.embedding(parameters)
        for sequence in 0..<sequences {
            var tokens = batch.tokens(from: firstRow + sequence * length)
            let count = length * perTransition * d
            let x = arena.blocks[0].input + sequence * count
            layout.embedForward(&tables, &tokens, rows: length, width: d, into: x)
            dropouts.make(.embedding, 0, firstSequence + sequence, step).apply(x, count: count)
        }
    }

    private func embedBackward(
        _ gradients: UnsafeMutablePointer<Float>, _ batch: WindowBatch, _ firstRow: Int, _ sequences: Int,
        _ length: Int, _ firstSequence: Int, _ step: Int?
    ) {
        var tables = layout.embedding(gradients)
        for sequence in 0..<sequences {
            var tokens = batch.tokens(from: firstRow + sequence * length)
            let count = length * perTransition * d
            let dx = arena.gradient + sequence * count
            dropouts.make(.embedding, 0, firstSequence + sequence, step).apply(dx, count: count)
            layout.embedBackward(&tables, &tokens, rows: length, width: d, from: dx)
        }
    }

    private func attention(_ length: Int) -> CausalAttention {
        CausalAttention(tokens: length, dimension: d, headDimension: d / heads)
    }

    private func attend(
        _ bias: UnsafeMutablePointer<Float>, _ kept: TransformerArena.Block, _ index: Int, _ sequences: Int,
        _ length: Int, _ firstSequence: Int, _ step: Int?
    ) {
        let attention = attention(length)
        for sequence in 0..<sequences {
            let row = sequence * length
            for head in 0..<heads {
                let column = head * attention.headDimension
                attention.forward(
                    kept.projected + row * 3 * d + column, bias: bias + column, into: kept.attended + row * d + column,
                    weights: weights(kept, sequence, head), scratch: arena.attentionScratch,
                    dropout: dropouts.make(.attention, index * heads + head, firstSequence + sequence, step))
            }
        }
    }

    private func attendBackward(
        _ kept: TransformerArena.Block, _ index: Int, _ sequences: Int, _ length: Int, _ firstSequence: Int,
        _ step: Int?
    ) {
        let attention = attention(length)
        for sequence in 0..<sequences {
            let row = sequence * length
            for head in 0..<heads {
                let column = head * attention.headDimension
                attention.backward(
                    kept.attended + row * d + column, qkv: kept.projected + row * 3 * d + column,
                    weights: weights(kept, sequence, head), into: arena.projectedGradient + row * 3 * d + column,
                    scratch: arena.attentionScratch,
                    dropout: dropouts.make(.attention, index * heads + head, firstSequence + sequence, step))
            }
        }
    }

    /// Where a head's attention weights are kept; without training, one place serves all.
    private func weights(_ kept: TransformerArena.Block, _ sequence: Int, _ head: Int) -> UnsafeMutablePointer<Float> {
        arena.isTraining ? kept.weights + (sequence * heads + head) * arena.weightsPerHead : kept.weights
    }
}
