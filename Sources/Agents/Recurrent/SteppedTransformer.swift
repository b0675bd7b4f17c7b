import Neural

/// A transformer over trials that is stepped: it keeps keys and values of the rows that each of B sequences has seen. Under
/// new parameters those stay as they were, as an LSTM's state does. Allocates nothing after it was made.
final class SteppedTransformer: SteppedMemory {
    private let layout: TrialTransformerLayout
    private let sequences: Int
    private let components: Int
    private let parameters: FloatBuffer
    private let feedForward: FeedForward
    /// Of each block: (D, 3D), (D, D), and both weights of the feed-forward layer.
    private let inputs: [FloatBuffer]
    private let outputs: [FloatBuffer]
    private let firstPanels: [FloatBuffer]
    private let seconds: [FloatBuffer]
    /// (blocks, B, 2, tokens, D): keys, then values.
    private let cache: FloatBuffer
    /// (B): rows that each sequence has seen.
    private var filled: [Int]
    /// (B, D) each, (B, 3D), (B, 64), (tokens), (B).
    private let x: FloatBuffer
    private let normalised: FloatBuffer
    private let branch: FloatBuffer
    private let attended: FloatBuffer
    private let projected: FloatBuffer
    private let activated: FloatBuffer
    private let scores: FloatBuffer
    private let inverse: FloatBuffer

    init(_ layout: TrialTransformerLayout, parameterCount: Int, sequences: Int, components: Int) {
        self.layout = layout
        self.sequences = sequences
        self.components = components
        let (d, f, blocks) = (layout.dimension, layout.settings.feedForward, layout.blocks.count)
        func buffers(_ count: Int) -> [FloatBuffer] { (0..<blocks).map { _ in FloatBuffer(count) } }
        parameters = FloatBuffer(parameterCount)
        feedForward = FeedForward(dimension: d, hidden: f)
        (inputs, outputs, firstPanels, seconds) = (buffers(3 * d * d), buffers(d * d), buffers(d * f), buffers(d * f))
        cache = FloatBuffer(blocks * sequences * 2 * layout.tokens * d)
        filled = Array(repeating: 0, count: sequences)
        x = FloatBuffer(sequences * d)
        normalised = FloatBuffer(sequences * d)
        branch = FloatBuffer(sequences * d)
        attended = FloatBuffer(sequences * d)
        projected = FloatBuffer(sequences * 3 * d)
        activated = FloatBuffer(sequences * FeedForward.panelWidth)
        scores = FloatBuffer(layout.tokens)
        inverse = FloatBuffer(sequences)
    }

    func load(_ source: UnsafePointer<Float>) {
        parameters.start.update(from: source, count: parameters.count)
        let d = layout.dimension
        for (index, block) in layout.blocks.enumerated() {
            Product.transpose(source + block.input.weight, into: inputs[index].start, rows: 3 * d, columns: d)
            Product.transpose(source + block.output.weight, into: outputs[index].start, rows: d, columns: d)
            feedForward.pack(source + block.first.weight, source + block.second.weight, into: packed(index))
        }
    }

    func clear(_ sequence: Int) { filled[sequence] = 0 }

    func step(inputs rows: UnsafePointer<Int32>, numbers: UnsafePointer<Float>) -> UnsafePointer<Float> {
        let (d, p) = (layout.dimension, parameters.start)
        for sequence in 0..<sequences { embed(sequence, rows + sequence * components, numbers[sequence]) }
        for (index, block) in layout.blocks.enumerated() {
            normalise(block.norm1)
            Product.plain(
                branch.start, stride: d, inputs[index].start, stride: 3 * d, into: projected.start, stride: 3 * d,
                rows: sequences, columns: 3 * d, depth: d)
            Linear.addBias(p + block.input.bias, to: projected.start, rows: sequences, outputs: 3 * d)
            for sequence in 0..<sequences { attend(sequence, block: index) }
            Product.plain(
                attended.start, stride: d, outputs[index].start, stride: d, into: x.start, stride: d,
                rows: sequences, columns: d, depth: d, accumulate: true)
            Linear.addBias(p + block.output.bias, to: x.start, rows: sequences, outputs: d)
            normalise(block.norm2)
            feedForward.forward(
                branch.start, packed(index), bias: p + block.first.bias, kept: nil, activated: activated.start,
                into: attended.start, rows: sequences)
            for place in 0..<(sequences * d) { x.start[place] += attended.start[place] }
            Linear.addBias(p + block.second.bias, to: x.start, rows: sequences, outputs: d)
        }
        normalise(layout.norm)
        for sequence in 0..<sequences { filled[sequence] += 1 }
        return UnsafePointer(branch.start)
    }

    private func packed(_ block: Int) -> FeedForward.Packed {
        FeedForward.Packed(
            firstPanels: firstPanels[block].start, secondTransposed: seconds[block].start, secondPanels: nil)
    }

    /// Writes a sequence's token to x. Precondition: its trial has room for it.
    private func embed(_ sequence: Int, _ inputs: UnsafePointer<Int32>, _ reward: Float) {
        let (d, p) = (layout.dimension, parameters.start)
        precondition(filled[sequence] < layout.tokens, "a trial of more than \(layout.tokens) rows")
        let target = x.start + sequence * d
        target.update(from: p + layout.positions + filled[sequence] * d, count: d)
        for component in 0..<components {
            let row = p + layout.embedding + Int(inputs[component]) * d
            for column in 0..<d { target[column] += row[column] }
        }
        let row = p + layout.embedding + (layout.inputs - 1) * d
        for column in 0..<d { target[column] += reward * row[column] }
    }

    /// branch = norm(x).
    private func normalise(_ norm: (gain: Int, shift: Int)) {
        normalised.start.update(from: x.start, count: x.count)
        LayerNorm.forward(
            normalised.start, gain: parameters.start + norm.gain, shift: parameters.start + norm.shift,
            into: branch.start, inverse: inverse.start, rows: sequences, dimension: layout.dimension)
    }

    /// Keeps the row's key and value, and attends to those of the sequence so far.
    private func attend(_ sequence: Int, block: Int) {
        let (d, width, position) = (layout.dimension, layout.headDimension, filled[sequence])
        let row = projected.start + sequence * 3 * d
        let keys = place(block, sequence)
        let values = keys + layout.tokens * d
        (keys + position * d).update(from: row + d, count: d)
        (values + position * d).update(from: row + 2 * d, count: d)
        for first in stride(from: 0, to: d, by: width) {
            CausalAttention.query(
                row + first, keys: keys + first, values: values + first, count: position + 1, stride: d,
                headDimension: width, scores: scores.start, into: attended.start + sequence * d + first)
        }
    }

    private func place(_ block: Int, _ sequence: Int) -> UnsafeMutablePointer<Float> {
        cache.start + (block * sequences + sequence) * 2 * layout.tokens * layout.dimension
    }

    /// Keys of its rows (blocks, rows, D). For comparison.
    func state(of sequence: Int) -> [Float] {
        layout.blocks.indices.flatMap { block in
            UnsafeBufferPointer(start: place(block, sequence), count: filled[sequence] * layout.dimension)
        }
    }
}
