import Neural

/// Forward and backward through some sequences of a trial each, after all rows of the trial that came before: those are
/// gone through once more under the present parameters, and the gradient flows through them. Belongs to one thread; its
/// memory grows to the largest batch and is then used again.
final class TrialTransformerPass: MemoryPass {
    /// Sequences that go through together.
    static let mostSequences = 8

    /// A sequence with the rows before it, N rows in all.
    private struct Span {
        let number: Int
        /// Of its first row in the batch.
        let first: Int
        /// Rows before the sequence, and rows in all.
        let before: Int
        let count: Int
        /// Floats before its attention's weights of the first head in a block.
        let weights: Int
    }

    /// What a block leaves to its backward pass: (N, D) each, (N, 3D), (N, F), weights of all heads, (N).
    private final class Kept {
        let normalised1 = GrowingBuffer<Float>()
        let first = GrowingBuffer<Float>()
        let projected = GrowingBuffer<Float>()
        let weights = GrowingBuffer<Float>()
        let attended = GrowingBuffer<Float>()
        let normalised2 = GrowingBuffer<Float>()
        let second = GrowingBuffer<Float>()
        let hidden = GrowingBuffer<Float>()
        let inverse1 = GrowingBuffer<Float>()
        let inverse2 = GrowingBuffer<Float>()
    }

    private let policy: RecurrentPolicy
    private let layout: TrialTransformerLayout
    private let trials: TrialRows
    private let feedForward: FeedForward
    private let kept: [Kept]
    /// Of the block at hand.
    private let panels: [FloatBuffer]
    private let policies = PolicyBuffers()
    /// (N, components), (N), then (N, D) each but for the last, (N, 3D).
    private let components = GrowingBuffer<Int32>()
    private let rewards = GrowingBuffer<Float>()
    private let x = GrowingBuffer<Float>()
    private let branch = GrowingBuffer<Float>()
    private let normalised = GrowingBuffer<Float>()
    private let output = GrowingBuffer<Float>()
    private let gradient = GrowingBuffer<Float>()
    private let projectedGradient = GrowingBuffer<Float>()
    /// (N), (N, 64) twice, (N, outputs) twice.
    private let inverse = GrowingBuffer<Float>()
    private let activated = GrowingBuffer<Float>()
    private let activatedGradient = GrowingBuffer<Float>()
    private let heads = GrowingBuffer<Float>()
    private let headGradients = GrowingBuffer<Float>()
    private let scratch: FloatBuffer
    private var spans: [Span] = []
    private var rowCount = 0

    init(_ policy: RecurrentPolicy, _ layout: TrialTransformerLayout) {
        self.policy = policy
        self.layout = layout
        trials = policy.rows(of: layout)
        let (d, f) = (layout.dimension, layout.settings.feedForward)
        feedForward = FeedForward(dimension: d, hidden: f)
        kept = layout.blocks.map { _ in Kept() }
        panels = (0..<3).map { _ in FloatBuffer(d * f) }
        scratch = FloatBuffer(
            CausalAttention(tokens: layout.tokens, dimension: d, headDimension: layout.headDimension).scratchCount)
    }

    func run(
        _ numbers: [Int], of rows: TrialSequences, parameters: UnsafePointer<Float>, objective: RecurrentObjective,
        gradients: UnsafeMutablePointer<Float>, states: UnsafeMutablePointer<Float>
    ) -> RecurrentSums {
        arrange(numbers, of: rows)
        reserve()
        fill(rows, states: states)
        let (d, outputs, all) = (layout.dimension, policy.outputs, rowCount)
        embed(parameters)
        for (block, kept) in zip(layout.blocks, kept) { forward(block, kept, parameters) }
        normalise(
            layout.norm, parameters, keeping: normalised.base, inverse.base, into: output.base)
        Linear.forward(
            output.base, weight: parameters + policy.headWeight, into: heads.base, rows: all, inputs: d,
            outputs: outputs)
        Linear.addBias(parameters + policy.headBias, to: heads.base, rows: all, outputs: outputs)
        policies.fill(from: heads.base, headWidth: outputs, rows: all, actions: policy.actions)
        headGradients.base.update(repeating: 0, count: all * outputs)
        let said = HeadOutputs(policy: policy, heads: heads.base, policies: policies)
        var sums = RecurrentSums()
        for span in spans {
            sums += objective.addGradients(of: rows.sequences[span.number], rows, said, into: headGradients.base) {
                span.first + span.before + $0
            }
        }
        Linear.inputGradient(
            headGradients.base, weight: parameters + policy.headWeight, into: branch.base, rows: all, inputs: d,
            outputs: outputs)
        Linear.weightGradient(
            headGradients.base, output.base, into: gradients + policy.headWeight, rows: all, inputs: d,
            outputs: outputs)
        Linear.biasGradient(headGradients.base, into: gradients + policy.headBias, rows: all, outputs: outputs)
        gradient.base.update(repeating: 0, count: all * d)
        addNormGradient(layout.norm, parameters, normalised.base, inverse.base, gradients)
        for (block, kept) in zip(layout.blocks, kept).reversed() { backward(block, kept, parameters, gradients) }
        addEmbeddingGradients(gradients)
        return sums
    }

    // MARK: - Rows

    private func attention(_ span: Span) -> CausalAttention {
        CausalAttention(tokens: span.count, dimension: layout.dimension, headDimension: layout.headDimension)
    }

    private func arrange(_ numbers: [Int], of rows: TrialSequences) {
        spans.removeAll(keepingCapacity: true)
        rowCount = 0
        var weights = 0
        for number in numbers {
            let sequence = rows.sequences[number]
            let before = trials.count(sequence.initial)
            let span = Span(
                number: number, first: rowCount, before: before, count: before + sequence.length, weights: weights)
            precondition(span.count <= layout.tokens, "a trial of more than \(layout.tokens) rows")
            spans.append(span)
            rowCount += span.count
            weights += layout.settings.heads * attention(span).weightsCount
        }
    }

    private func reserve() {
        let (n, d, f) = (rowCount, layout.dimension, layout.settings.feedForward)
        let weights = spans.last.map { $0.weights + layout.settings.heads * attention($0).weightsCount } ?? 0
        for kept in kept {
            for buffer in [kept.normalised1, kept.first, kept.attended, kept.normalised2, kept.second] {
                buffer.reserve(n * d)
            }
            kept.projected.reserve(n * 3 * d)
            kept.weights.reserve(weights)
            kept.hidden.reserve(n * f)
            kept.inverse1.reserve(n)
            kept.inverse2.reserve(n)
        }
        for buffer in [x, branch, normalised, output, gradient] { buffer.reserve(n * d) }
        for buffer in [activated, activatedGradient] { buffer.reserve(n * FeedForward.panelWidth) }
        for buffer in [heads, headGradients] { buffer.reserve(n * policy.outputs) }
        projectedGradient.reserve(n * 3 * d)
        components.reserve(n * policy.components)
        rewards.reserve(n)
        inverse.reserve(n)
        policies.reserve(rows: n, actions: policy.actions)
    }

    /// Writes what the network sees, and what is kept of each sequence: all rows before its last one.
    private func fill(_ rows: TrialSequences, states: UnsafeMutablePointer<Float>) {
        let width = policy.components
        for span in spans {
            let sequence = rows.sequences[span.number]
            for row in 0..<span.before {
                let source = 1 + row * (width + 1)
                let target = span.first + row
                for component in 0..<width {
                    components.base[target * width + component] = Int32(sequence.initial[source + component])
                }
                rewards.base[target] = sequence.initial[source + width]
            }
            for step in 0..<sequence.length {
                let (source, target) = (sequence.first + step, span.first + span.before + step)
                for component in 0..<width {
                    components.base[target * width + component] = rows.components[source * width + component]
                }
                rewards.base[target] = rows.rows[source].previousReward
            }
            let state = states + span.number * trials.width
            state.update(repeating: 0, count: trials.width)
            state[0] = Float(span.count - 1)
            for row in 0..<(span.count - 1) {
                let target = state + 1 + row * (width + 1)
                for component in 0..<width {
                    target[component] = Float(components.base[(span.first + row) * width + component])
                }
                target[width] = rewards.base[span.first + row]
            }
        }
    }

    /// The rows with their places in their trials.
    private func forEachRow(_ body: (_ row: Int, _ position: Int) -> Void) {
        for span in spans { for position in 0..<span.count { body(span.first + position, position) } }
    }

    // MARK: - Forward

    private func embed(_ parameters: UnsafePointer<Float>) {
        let (d, width) = (layout.dimension, policy.components)
        forEachRow { row, position in
            let target = x.base + row * d
            target.update(from: parameters + layout.positions + position * d, count: d)
            for component in 0..<width {
                let input = parameters + layout.embedding + Int(components.base[row * width + component]) * d
                for column in 0..<d { target[column] += input[column] }
            }
            let input = parameters + layout.embedding + (layout.inputs - 1) * d
            let reward = rewards.base[row]
            for column in 0..<d { target[column] += reward * input[column] }
        }
    }

    /// y = norm(x); `normalised` and `inverse` are kept.
    private func normalise(
        _ norm: (gain: Int, shift: Int), _ parameters: UnsafePointer<Float>,
        keeping normalised: UnsafeMutablePointer<Float>, _ inverse: UnsafeMutablePointer<Float>,
        into y: UnsafeMutablePointer<Float>
    ) {
        normalised.update(from: x.base, count: rowCount * layout.dimension)
        LayerNorm.forward(
            normalised, gain: parameters + norm.gain, shift: parameters + norm.shift, into: y, inverse: inverse,
            rows: rowCount, dimension: layout.dimension)
    }

    private func forward(_ block: TrialTransformerLayout.Block, _ kept: Kept, _ parameters: UnsafePointer<Float>) {
        let (n, d) = (rowCount, layout.dimension)
        normalise(block.norm1, parameters, keeping: kept.normalised1.base, kept.inverse1.base, into: kept.first.base)
        Linear.forward(
            kept.first.base, weight: parameters + block.input.weight, into: kept.projected.base, rows: n, inputs: d,
            outputs: 3 * d)
        forEachHead { span, attention, column, weights in
            attention.forward(
                kept.projected.base + span.first * 3 * d + column, bias: parameters + block.input.bias + column,
                into: kept.attended.base + span.first * d + column, weights: kept.weights.base + weights,
                scratch: scratch.start)
        }
        Linear.forward(
            kept.attended.base, weight: parameters + block.output.weight, into: x.base, rows: n, inputs: d,
            outputs: d, accumulate: true)
        Linear.addBias(parameters + block.output.bias, to: x.base, rows: n, outputs: d)
        normalise(block.norm2, parameters, keeping: kept.normalised2.base, kept.inverse2.base, into: kept.second.base)
        feedForward.forward(
            kept.second.base, pack(block, parameters), bias: parameters + block.first.bias, kept: kept.hidden.base,
            activated: activated.base, into: branch.base, rows: n)
        add(branch.base, to: x.base)
        Linear.addBias(parameters + block.second.bias, to: x.base, rows: n, outputs: d)
    }

    private func forEachHead(
        _ body: (_ span: Span, _ attention: CausalAttention, _ column: Int, _ weights: Int) -> Void
    ) {
        for span in spans {
            let attention = attention(span)
            for head in 0..<layout.settings.heads {
                body(span, attention, head * layout.headDimension, span.weights + head * attention.weightsCount)
            }
        }
    }

    private func pack(
        _ block: TrialTransformerLayout.Block, _ parameters: UnsafePointer<Float>
    ) -> FeedForward.Packed {
        let packed = FeedForward.Packed(
            firstPanels: panels[0].start, secondTransposed: panels[1].start, secondPanels: panels[2].start)
        feedForward.pack(parameters + block.first.weight, parameters + block.second.weight, into: packed)
        return packed
    }

    // MARK: - Backward

    /// gradient += what `branch`, the gradient of a norm's output, is to its input.
    private func addNormGradient(
        _ norm: (gain: Int, shift: Int), _ parameters: UnsafePointer<Float>, _ normalised: UnsafePointer<Float>,
        _ inverse: UnsafePointer<Float>, _ gradients: UnsafeMutablePointer<Float>
    ) {
        LayerNorm.backward(
            branch.base, normalised: normalised, inverse: inverse, gain: parameters + norm.gain, into: branch.base,
            dGain: gradients + norm.gain, dShift: gradients + norm.shift, rows: rowCount,
            dimension: layout.dimension)
        add(branch.base, to: gradient.base)
    }

    /// Of all rows, (N, D).
    private func add(_ some: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>) {
        for place in 0..<(rowCount * layout.dimension) { sum[place] += some[place] }
    }

    /// `gradient` of a block's output becomes that of its input.
    private func backward(
        _ block: TrialTransformerLayout.Block, _ kept: Kept, _ parameters: UnsafePointer<Float>,
        _ gradients: UnsafeMutablePointer<Float>
    ) {
        let (n, d) = (rowCount, layout.dimension)
        Linear.biasGradient(gradient.base, into: gradients + block.second.bias, rows: n, outputs: d)
        branch.base.update(repeating: 0, count: n * d)
        feedForward.backward(
            gradient.base, x: kept.second.base, w1: parameters + block.first.weight, pack(block, parameters),
            kept: kept.hidden.base, activated: activated.base, gradient: activatedGradient.base,
            dW1: gradients + block.first.weight, dBias: gradients + block.first.bias,
            dW2: gradients + block.second.weight, addingTo: branch.base, rows: n)
        addNormGradient(block.norm2, parameters, kept.normalised2.base, kept.inverse2.base, gradients)
        Linear.biasGradient(gradient.base, into: gradients + block.output.bias, rows: n, outputs: d)
        Linear.weightGradient(
            gradient.base, kept.attended.base, into: gradients + block.output.weight, rows: n, inputs: d, outputs: d)
        Linear.inputGradient(
            gradient.base, weight: parameters + block.output.weight, into: branch.base, rows: n, inputs: d,
            outputs: d)
        forEachHead { span, attention, column, weights in
            attention.backward(
                branch.base + span.first * d + column, qkv: kept.projected.base + span.first * 3 * d + column,
                weights: kept.weights.base + weights, into: projectedGradient.base + span.first * 3 * d + column,
                scratch: scratch.start)
        }
        Linear.weightGradient(
            projectedGradient.base, kept.first.base, into: gradients + block.input.weight, rows: n, inputs: d,
            outputs: 3 * d)
        Linear.biasGradient(projectedGradient.base, into: gradients + block.input.bias, rows: n, outputs: 3 * d)
        Linear.inputGradient(
            projectedGradient.base, weight: parameters + block.input.weight, into: branch.base, rows: n, inputs: d,
            outputs: 3 * d)
        addNormGradient(block.norm1, parameters, kept.normalised1.base, kept.inverse1.base, gradients)
    }

    private func addEmbeddingGradients(_ gradients: UnsafeMutablePointer<Float>) {
        let (d, width) = (layout.dimension, policy.components)
        forEachRow { row, position in
            let source = gradient.base + row * d
            let place = gradients + layout.positions + position * d
            for column in 0..<d { place[column] += source[column] }
            for component in 0..<width {
                let input = gradients + layout.embedding + Int(components.base[row * width + component]) * d
                for column in 0..<d { input[column] += source[column] }
            }
            let input = gradients + layout.embedding + (layout.inputs - 1) * d
            let reward = rewards.base[row]
            for column in 0..<d { input[column] += reward * source[column] }
        }
    }
}
