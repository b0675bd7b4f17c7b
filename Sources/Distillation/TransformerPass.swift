import CKernels
import Environments
import Neural

/// One worker's way through the transformer: forward and backward of a few sequences at a time in its own arena.
final class TransformerPass {
    let layout: TransformerLayout
    let arena: TransformerArena
    private let dropouts: Dropouts
    private let feedForward: FeedForward

    init(_ layout: TransformerLayout, sequences: Int, training: Bool, seed: UInt64 = 0) {
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
    /// `packed` are the weights of `parameters`. With `step` there is dropout: that of the sequences numbered from `firstSequence` in optimiser step `step`.
    func forward(
        _ parameters: UnsafeMutablePointer<Float>, _ packed: PackedWeights, _ batch: TokenBatch, firstRow: Int,
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
                var dropout = dropouts.make(.residual, 2 * index, firstSequence + sequence, step)
                ck_residual_norm_forward(
                    kept.input + row * d, kept.normalised1 + row * d, parameters + block.outBias,
                    parameters + block.gain1, parameters + block.shift1, kept.middle + row * d, kept.inverse1 + row,
                    length, d, &dropout)
            }
            feedForward.forward(
                kept.middle, packed.blocks[index].feedForward, bias: parameters + block.fc1Bias, kept: kept.hidden,
                activated: arena.activated, into: kept.normalised2, rows: rows)
            for sequence in 0..<sequences {
                let row = sequence * length
                var dropout = dropouts.make(.residual, 2 * index + 1, firstSequence + sequence, step)
                ck_residual_norm_forward(
                    kept.middle + row * d, kept.normalised2 + row * d, parameters + block.fc2Bias,
                    parameters + block.gain2, parameters + block.shift2, next + row * d, kept.inverse2 + row, length,
                    d, &dropout)
            }
        }
        Linear.forward(
            predicting(arena.output), weight: parameters + layout.headWeight, into: arena.logits,
            rows: sequences * transitions, inputs: d, outputs: layout.actionCount, inputStride: perTransition * d)
        ck_bias_add(arena.logits, parameters + layout.headBias, sequences * transitions, layout.actionCount)
    }

    /// Adds to `gradients` what `arena.logits`, which holds the gradient of the logits by now, asks for.
    /// Precondition: the arena was made for training and `forward` has just run with the same arguments.
    func backward(
        _ parameters: UnsafeMutablePointer<Float>, _ packed: PackedWeights, gradients: UnsafeMutablePointer<Float>,
        _ batch: TokenBatch,
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
                var dropout = dropouts.make(.residual, 2 * index + 1, firstSequence + sequence, step)
                ck_residual_norm_backward(
                    arena.gradient + row * d, kept.normalised2 + row * d, kept.inverse2 + row,
                    parameters + block.gain2, arena.gradient + row * d, arena.branch + row * d,
                    gradients + block.gain2, gradients + block.shift2, gradients + block.fc2Bias, length, d, &dropout)
            }
            feedForward.backward(
                arena.branch, x: kept.middle, w1: parameters + block.fc1Weight, packed.blocks[index].feedForward,
                kept: kept.hidden, activated: arena.activated, gradient: arena.hiddenGradient,
                dW1: gradients + block.fc1Weight, dBias: gradients + block.fc1Bias,
                dW2: gradients + block.fc2Weight, addingTo: arena.gradient, rows: rows)
            for sequence in 0..<sequences {
                let row = sequence * length
                var dropout = dropouts.make(.residual, 2 * index, firstSequence + sequence, step)
                ck_residual_norm_backward(
                    arena.gradient + row * d, kept.normalised1 + row * d, kept.inverse1 + row,
                    parameters + block.gain1, arena.gradient + row * d, arena.branch + row * d,
                    gradients + block.gain1, gradients + block.shift1, gradients + block.outBias, length, d, &dropout)
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
        _ parameters: UnsafeMutablePointer<Float>, _ batch: TokenBatch, _ firstRow: Int, _ sequences: Int,
        _ length: Int, _ firstSequence: Int, _ step: Int?
    ) {
        var tables = layout.embedding(parameters)
        for sequence in 0..<sequences {
            var tokens = batch.tokens(from: firstRow + sequence * length)
            let count = length * perTransition * d
            let x = arena.blocks[0].input + sequence * count
            layout.embedForward(&tables, &tokens, rows: length, width: d, into: x)
            var dropout = dropouts.make(.embedding, 0, firstSequence + sequence, step)
            ck_dropout_apply(&dropout, x, count)
        }
    }

    private func embedBackward(
        _ gradients: UnsafeMutablePointer<Float>, _ batch: TokenBatch, _ firstRow: Int, _ sequences: Int,
        _ length: Int, _ firstSequence: Int, _ step: Int?
    ) {
        var tables = layout.embedding(gradients)
        for sequence in 0..<sequences {
            var tokens = batch.tokens(from: firstRow + sequence * length)
            let count = length * perTransition * d
            let dx = arena.gradient + sequence * count
            var dropout = dropouts.make(.embedding, 0, firstSequence + sequence, step)
            ck_dropout_apply(&dropout, dx, count)
            layout.embedBackward(&tables, &tokens, rows: length, width: d, from: dx)
        }
    }

    private func attend(
        _ bias: UnsafeMutablePointer<Float>, _ kept: TransformerArena.Block, _ index: Int, _ sequences: Int,
        _ length: Int, _ firstSequence: Int, _ step: Int?
    ) {
        let width = d / heads
        for sequence in 0..<sequences {
            let row = sequence * length
            for head in 0..<heads {
                var dropout = dropouts.make(.attention, index * heads + head, firstSequence + sequence, step)
                ck_attention_forward(
                    kept.projected + row * 3 * d + head * width, bias + head * width,
                    kept.attended + row * d + head * width, weights(kept, sequence, head), arena.attentionScratch,
                    length, d, width, &dropout, nil)
            }
        }
    }

    private func attendBackward(
        _ kept: TransformerArena.Block, _ index: Int, _ sequences: Int, _ length: Int, _ firstSequence: Int,
        _ step: Int?
    ) {
        let width = d / heads
        for sequence in 0..<sequences {
            let row = sequence * length
            for head in 0..<heads {
                var dropout = dropouts.make(.attention, index * heads + head, firstSequence + sequence, step)
                ck_attention_backward(
                    kept.projected + row * 3 * d + head * width, weights(kept, sequence, head),
                    kept.attended + row * d + head * width, arena.projectedGradient + row * 3 * d + head * width,
                    arena.attentionScratch, length, d, width, &dropout, nil)
            }
        }
    }

    /// Where a head's attention weights are kept; without training, one place serves all.
    private func weights(_ kept: TransformerArena.Block, _ sequence: Int, _ head: Int) -> UnsafeMutablePointer<Float> {
        arena.isTraining ? kept.weights + (sequence * heads + head) * arena.weightsPerHead : kept.weights
    }
}

extension TransformerLayout {
    /// The embedding tables inside a flat buffer of parameters or gradients.
    func embedding(_ buffer: UnsafeMutablePointer<Float>) -> ck_embedding {
        ck_embedding(
            observation: buffer + observation, action: buffer + action, reward: buffer + rewardWeight,
            reward_bias: buffer + rewardBias, position: buffer + position, mask: buffer + mask)
    }

    /// Tokens of `rows` transitions, the first of which is number `first` of its window, into
    /// x (rows * tokens a transition, width). Tables with rows of 3D give the first block's projections instead.
    @inline(__always)
    func embedForward(
        _ tables: inout ck_embedding, _ tokens: inout ck_tokens, rows: Int, width: Int, first: Int = 0,
        into x: UnsafeMutablePointer<Float>
    ) {
        switch settings.tokenLayout {
        case .merged: ck_embed_forward(&tables, &tokens, rows, width, first, x)
        case .separate: ck_embed_separate_forward(&tables, &tokens, rows, width, 3 * first, x)
        }
    }

    /// Adds the tokens' gradient dx to the tables' gradients.
    @inline(__always)
    func embedBackward(
        _ tables: inout ck_embedding, _ tokens: inout ck_tokens, rows: Int, width: Int,
        from dx: UnsafePointer<Float>
    ) {
        switch settings.tokenLayout {
        case .merged: ck_embed_backward(&tables, &tokens, rows, width, 0, dx)
        case .separate: ck_embed_separate_backward(&tables, &tokens, rows, width, 0, dx)
        }
    }
}

/// Every dropout of the model as the kernels take it: a place, a sequence and a step decide what is dropped.
struct Dropouts {
    enum Place: UInt32 {
        case embedding = 0, attention = 1, residual = 2
    }

    private let key: (UInt32, UInt32)
    private let thresholds: [UInt32]
    private let scales: [Float]

    init(_ settings: ModelSettings, seed: UInt64) {
        let words = Philox(key0: UInt32(truncatingIfNeeded: seed), key1: UInt32(truncatingIfNeeded: seed >> 32))
            .block(0, 0, 0, RandomPurpose.dropout.rawValue)
        key = (words.x, words.y)
        let probabilities = [settings.embeddingDropout, settings.attentionDropout, settings.residualDropout]
        thresholds = probabilities.map { min(65535, UInt32(($0 * 65536).rounded())) }
        scales = thresholds.map { Float(1 / (1 - Double($0) / 65536)) }
    }

    /// Without a step nothing is dropped.
    @inline(__always)
    func make(_ place: Place, _ index: Int, _ sequence: Int, _ step: Int?) -> ck_dropout {
        let kind = Int(place.rawValue)
        return ck_dropout(
            key0: key.0, key1: key.1, site: place.rawValue | UInt32(truncatingIfNeeded: index) << 8,
            sequence: UInt32(truncatingIfNeeded: sequence), step: UInt32(truncatingIfNeeded: step ?? 0),
            threshold: step == nil ? 0 : thresholds[kind], scale: scales[kind])
    }
}
