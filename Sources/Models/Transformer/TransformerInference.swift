import CKernels
import Neural

/// The transformer with frozen weights, for one thread: whole windows at once, or one token more against a cache.
///
/// What can be computed once is: the first block's projection of every embedding row is a table, so that its queries,
/// keys and values are sums of rows, unless observations are images. So it has to be made anew when the parameters change. In the last block only the
/// last token is worked through, since its logits alone are asked for.
final class TransformerInference: WindowInference {
    let model: TransformerModel
    private let layout: TransformerLayout
    private let d: Int
    private let heads: Int
    /// Tokens of a transition; the last of them is the one that predicts.
    private let perTransition: Int
    private let arena: TransformerArena
    /// Embedding tables times the first block's projection, rows of 3D.
    private let projectedTables: FloatBuffer
    private let projected: ck_embedding
    private let packed: PackedWeights
    private let feedForward: FeedForward
    /// N tokens of a call, those of one transition of every sequence: (N, D), (N, 3D), (N, 64), (N, D), (N).
    private let x, qkv, activated, branch, inverse: FloatBuffer
    private let scores: FloatBuffer

    /// `sequences`: the largest number of them in a call.
    init(_ model: TransformerModel, sequences: Int) {
        self.model = model
        layout = model.layout
        let settings = model.settings
        (d, heads) = (settings.modelDimension, settings.heads)
        perTransition = settings.tokenLayout.tokensPerTransition
        arena = TransformerArena(layout, sequences: 1, training: false)
        let rows = sequences * perTransition
        x = FloatBuffer(rows * d)
        qkv = FloatBuffer(rows * 3 * d)
        activated = FloatBuffer(rows * min(settings.feedForward, FeedForward.panelWidth))
        branch = FloatBuffer(rows * d)
        inverse = FloatBuffer(rows)
        scores = FloatBuffer(settings.tokens + 16 + 2 * d)
        feedForward = layout.feedForward
        packed = PackedWeights(layout, training: false)
        packed.pack(model.parameters.start)
        (projectedTables, projected) = Self.project(model)
    }

    /// The embedding tables, each row multiplied by the first block's input projection: (rows, 3D) in the order of
    /// `ck_embedding`.
    private static func project(_ model: TransformerModel) -> (FloatBuffer, ck_embedding) {
        let layout = model.layout
        let d = model.settings.modelDimension
        let rows = [layout.observations.tableRows, layout.actionCount + 1, 1, 1, model.settings.tokens, 1]
        let offsets = [
            layout.observations.tableOffset, layout.action, layout.rewardWeight, layout.rewardBias, layout.position,
            layout.mask,
        ]
        let tables = FloatBuffer(rows.reduce(0, +) * 3 * d)
        var starts: [UnsafeMutablePointer<Float>] = []
        var next = tables.start
        for (count, offset) in zip(rows, offsets) {
            starts.append(next)
            guard count > 0 else { continue }
            Linear.forward(
                model.parameters.start + offset, weight: model.parameters.start + layout.blocks[0].inWeight,
                into: next, rows: count, inputs: d, outputs: 3 * d)
            next += count * 3 * d
        }
        return (
            tables,
            ck_embedding(
                observation: starts[0], action: starts[1], reward: starts[2], reward_bias: starts[3],
                position: starts[4], mask: starts[5])
        )
    }

    private var parameters: UnsafeMutablePointer<Float> { model.parameters.start }

    /// Called after each window.
    var onProgress: (() -> Void)?

    func lastLogits(_ batch: WindowBatch, windows: Int, length: Int, into logits: UnsafeMutablePointer<Float>) {
        // A window at a time through the blocks, so that its activations stay in the cache; then what is left of the
        // last block for all of them together.
        for window in 0..<windows {
            runWindow(batch, window, length)
            onProgress?()
        }
        finish(layout.blocks.count - 1, lastTokens(windows))
        head(x.start, rows: windows, stride: d, into: logits)
    }

    /// All blocks for window `window` of `batch`. The last block is begun for the last token alone: the token goes to
    /// `x` at `window`, what its heads give to `branch`.
    private func runWindow(_ batch: WindowBatch, _ window: Int, _ transitions: Int) {
        let length = transitions * perTransition
        let kept = arena.blocks[0]
        var tables = layout.embedding(parameters)
        var projections = projected
        var tokens = batch.tokens(from: window * batch.length)
        let vectors = batch.vectors(from: window * batch.length)
        layout.embedForward(&tables, &tokens, vectors: vectors, rows: transitions, width: d, into: kept.input)
        if vectors == nil {
            layout.embedForward(&projections, &tokens, rows: transitions, width: 3 * d, into: kept.projected)
        }
        for index in layout.blocks.indices.dropLast() {
            if index > 0 || vectors != nil { project(kept.input, index, into: kept.projected, rows: length) }
            attend(parameters + layout.blocks[index].inBias, kept, length)
            finish(
                index,
                Tokens(
                    count: length, x: kept.input, attended: kept.attended, branch: kept.normalised1,
                    middle: kept.middle, activated: arena.activated, inverse: kept.inverse1))
        }
        attendLast(layout.blocks.count - 1, kept.input, length: length, as: window)
    }

    /// Attention of the last of `length` tokens. Keys and values are never made: the score q . (W_k x + b_k) is
    /// (W_k^T q) . x up to a constant that softmax does not see, and the weights' sum is 1.
    private func attendLast(_ index: Int, _ input: UnsafeMutablePointer<Float>, length: Int, as sequence: Int) {
        let block = layout.blocks[index]
        let width = d / heads
        let (token, attended) = (x.start + sequence * d, branch.start + sequence * d)
        token.update(from: input + (length - 1) * d, count: d)
        Linear.forward(token, weight: parameters + block.inWeight, into: qkv.start, rows: 1, inputs: d, outputs: d)
        ck_bias_add(qkv.start, parameters + block.inBias, 1, d)
        let folded = scores.start
        let mixed = scores.start + d
        let weights = scores.start + 2 * d
        // The kernel divides by the root of the dimension that it is given, which is D here and not D / H.
        let scale = Float(heads).squareRoot()
        for head in 0..<heads {
            let query = qkv.start + head * width
            for k in 0..<width { query[k] *= scale }
            let first = head * width
            Linear.inputGradient(
                query, weight: parameters + block.inWeight + (d + first) * d, into: folded, rows: 1, inputs: d,
                outputs: width)
            ck_attention_query(folded, input, input, length, d, d, weights, mixed)
            Linear.forward(
                mixed, weight: parameters + block.inWeight + (2 * d + first) * d, into: attended + first, rows: 1,
                inputs: d, outputs: width)
        }
        ck_bias_add(attended, parameters + block.inBias + 2 * d, 1, d)
    }

    /// One transition more for each of `sequences` copies. Row i of `batch` (of one-row windows) is transition number
    /// `positions[i]` of its window, and the keys and values of what is before it lie in `cache` at `slots[i]`. Logits
    /// go to (sequences, A).
    func extend(
        _ batch: WindowBatch, sequences: Int, positions: UnsafePointer<Int>, slots: UnsafePointer<Int>,
        cache: KeyValueCache, into logits: UnsafeMutablePointer<Float>
    ) {
        let rows = sequences * perTransition
        var tables = layout.embedding(parameters)
        for sequence in 0..<sequences {
            var tokens = batch.tokens(from: sequence)
            layout.embedForward(
                &tables, &tokens, vectors: batch.vectors(from: sequence), rows: 1, width: d,
                first: positions[sequence],
                into: x.start + sequence * perTransition * d)
        }
        for index in layout.blocks.indices {
            let block = layout.blocks[index]
            project(x.start, index, into: qkv.start, rows: rows)
            ck_bias_add(qkv.start, parameters + block.inBias, rows, 3 * d)
            for row in 0..<rows {
                let sequence = row / perTransition
                attendToCache(
                    row, position: positions[sequence] * perTransition + row % perTransition, block: index,
                    slot: slots[sequence], cache)
            }
            finish(index, lastTokens(rows))
        }
        head(x.start + (perTransition - 1) * d, rows: sequences, stride: perTransition * d, into: logits)
    }

    /// Attention of token `row`, whose key and value join the cache first, into `branch`.
    private func attendToCache(_ row: Int, position: Int, block: Int, slot: Int, _ cache: KeyValueCache) {
        let width = d / heads
        let query = qkv.start + row * 3 * d
        let place = cache.append(query, position: position, block: block, slot: slot)
        for head in 0..<heads {
            let column = head * width
            ck_attention_query(
                query + column, place.keys + column, place.values + column, position + 1, d, width, scores.start,
                branch.start + row * d + column)
        }
    }

    /// Queries, keys and values of x (rows, D) without their biases.
    private func project(
        _ x: UnsafeMutablePointer<Float>, _ index: Int, into projected: UnsafeMutablePointer<Float>, rows: Int
    ) {
        Product.plain(
            x, stride: d, packed.blocks[index].inTransposed, stride: 3 * d, into: projected, stride: 3 * d, rows: rows,
            columns: 3 * d, depth: d)
    }

    /// All heads of a block for one window of `length` tokens, from `projected` into `attended`; the weights are
    /// scratch.
    private func attend(_ bias: UnsafeMutablePointer<Float>, _ kept: TransformerArena.Block, _ length: Int) {
        let attention = CausalAttention(tokens: length, dimension: d, headDimension: d / heads)
        for head in 0..<heads {
            let column = head * attention.headDimension
            attention.forward(
                kept.projected + column, bias: bias + column, into: kept.attended + column, weights: kept.weights,
                scratch: arena.attentionScratch)
        }
    }

    /// Where the rows of the tokens lie that go through the rest of a block together.
    private struct Tokens {
        let count: Int
        /// (count, D) what the block was given, and then what it gives.
        let x: UnsafeMutablePointer<Float>
        /// (count, D) the heads' outputs.
        let attended: UnsafeMutablePointer<Float>
        /// Scratch: (count, D) twice, (count, 64), (count).
        let branch, middle, activated, inverse: UnsafeMutablePointer<Float>
    }

    /// The tokens in `x`, whose heads' outputs lie in `branch`. Their queries are done with, so these lend their
    /// memory.
    private func lastTokens(_ count: Int) -> Tokens {
        Tokens(
            count: count, x: x.start, attended: branch.start, branch: qkv.start + count * d, middle: qkv.start,
            activated: activated.start, inverse: inverse.start)
    }

    /// A block behind its attention: projection, residual, normalisation, MLP, residual, normalisation.
    private func finish(_ index: Int, _ tokens: Tokens) {
        let (block, packed) = (layout.blocks[index], packed.blocks[index])
        Product.plain(
            tokens.attended, stride: d, packed.outTransposed, stride: d, into: tokens.branch, stride: d,
            rows: tokens.count, columns: d, depth: d)
        ResidualNorm.forward(
            residual: tokens.x, tokens.branch, bias: parameters + block.outBias, gain: parameters + block.gain1,
            shift: parameters + block.shift1, into: tokens.middle, inverse: tokens.inverse, rows: tokens.count,
            dimension: d)
        feedForward.forward(
            tokens.middle, packed.feedForward, bias: parameters + block.fc1Bias, kept: nil,
            activated: tokens.activated, into: tokens.branch, rows: tokens.count)
        ResidualNorm.forward(
            residual: tokens.middle, tokens.branch, bias: parameters + block.fc2Bias, gain: parameters + block.gain2,
            shift: parameters + block.shift2, into: tokens.x, inverse: tokens.inverse, rows: tokens.count,
            dimension: d)
    }

    /// Logits (rows, A) of x, whose rows lie `stride` floats apart.
    private func head(
        _ x: UnsafeMutablePointer<Float>, rows: Int, stride: Int, into logits: UnsafeMutablePointer<Float>
    ) {
        Linear.forward(
            x, weight: parameters + layout.headWeight, into: logits, rows: rows, inputs: d,
            outputs: layout.actionCount, inputStride: stride)
        ck_bias_add(logits, parameters + layout.headBias, rows, layout.actionCount)
    }
}
