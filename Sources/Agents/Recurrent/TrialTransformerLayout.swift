import Experience
import Neural

/// Where the parameters of a pre-norm transformer over a trial lie: x = x + attention(norm(x)), x = x + mlp(norm(x)), and
/// a norm behind the last block (Xiong et al. 2020). A token is a row of the trial.
struct TrialTransformerLayout {
    /// Offsets of one block; shapes as PyTorch has them.
    struct Block {
        /// (D), (D).
        let norm1: (gain: Int, shift: Int)
        /// (3D, D), (3D).
        let input: (weight: Int, bias: Int)
        /// (D, D), (D).
        let output: (weight: Int, bias: Int)
        let norm2: (gain: Int, shift: Int)
        /// (F, D), (F).
        let first: (weight: Int, bias: Int)
        /// (D, F), (D).
        let second: (weight: Int, bias: Int)
    }

    let settings: TrialTransformerSettings
    /// Inputs of a row: those that are 0 or 1, then the reward before.
    let inputs: Int
    /// Rows that a trial has at most.
    let tokens: Int
    /// (inputs, D): a row for each input.
    let embedding: Int
    /// (tokens, D)
    let positions: Int
    let blocks: [Block]
    /// Behind the last block.
    let norm: (gain: Int, shift: Int)

    init(_ settings: TrialTransformerSettings, inputs: Int, tokens: Int, addingTo layout: inout ParameterLayout) {
        self.settings = settings
        self.inputs = inputs
        self.tokens = tokens
        let (d, f) = (settings.dimension, settings.feedForward)
        embedding = layout.add("embed.inputs.weight", [inputs, d])
        positions = layout.add("embed.position.weight", [tokens, d])
        var all: [Block] = []
        for index in 0..<settings.layers {
            let name = "blocks.\(index)."
            func pair(_ part: String, _ shape: [Int]) -> (Int, Int) {
                (layout.add(name + part + "weight", shape), layout.add(name + part + "bias", [shape[0]]))
            }
            all.append(
                Block(
                    norm1: pair("norm1.", [d]), input: pair("attention.in_proj.", [3 * d, d]),
                    output: pair("attention.out_proj.", [d, d]), norm2: pair("norm2.", [d]),
                    first: pair("mlp.fc1.", [f, d]), second: pair("mlp.fc2.", [d, f])))
        }
        blocks = all
        norm = (layout.add("norm.weight", [d]), layout.add("norm.bias", [d]))
    }

    var dimension: Int { settings.dimension }
    var headDimension: Int { settings.dimension / settings.heads }

    /// Embeddings within 0.1, weights within 1 / sqrt(inputs), those that end a branch less by the root of the number of
    /// branches; norms that change nothing. Uniform.
    func initialise(_ values: inout [Float], _ numbers: inout PhiloxSequence) {
        func draw(_ offset: Int, _ count: Int, _ bound: Float) {
            for index in offset..<(offset + count) {
                values[index] = bound * (2 * Philox.unit(UInt32(truncatingIfNeeded: numbers.next())) - 1)
            }
        }
        let (d, f) = (dimension, settings.feedForward)
        draw(embedding, inputs * d, 0.1)
        draw(positions, tokens * d, 0.1)
        let (wide, narrow) = (1 / Float(d).squareRoot(), 1 / Float(f).squareRoot())
        let share = 1 / Float(2 * blocks.count).squareRoot()
        for block in blocks {
            draw(block.input.weight, 3 * d * d, wide)
            draw(block.output.weight, d * d, wide * share)
            draw(block.first.weight, f * d, wide)
            draw(block.second.weight, d * f, narrow * share)
        }
        for gain in blocks.flatMap({ [$0.norm1.gain, $0.norm2.gain] }) + [norm.gain] {
            for index in gain..<(gain + d) { values[index] = 1 }
        }
    }

    /// Of one row without its attention to those before; that depends on how many there are.
    var multiplications: Int {
        blocks.count * (4 * dimension * dimension + 2 * dimension * settings.feedForward + tokens * dimension)
    }
}

/// The rows of a trial before one, as a learner keeps them in the place of a state: their number, then of each the inputs
/// that are 1 and the reward before it.
struct TrialRows {
    let components: Int
    let most: Int

    /// Floats of a state.
    var width: Int { 1 + most * (components + 1) }

    func count(_ state: [Float]) -> Int { state.isEmpty ? 0 : Int(state[0]) }

    /// Whether it is a state that a learner of such inputs can have kept.
    func isValid(_ state: [Float], inputs: Int) -> Bool {
        guard state.count == width, let count = state.first.flatMap({ Int(exactly: $0) }), 0...most ~= count else {
            return false
        }
        return (0..<count).allSatisfy { row in
            let first = 1 + row * (components + 1)
            return state[first..<(first + components)].allSatisfy { Int(exactly: $0).map { 0..<inputs ~= $0 } ?? false }
                && state[first + components].isFinite
        }
    }
}
