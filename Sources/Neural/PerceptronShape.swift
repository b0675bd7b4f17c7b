/// Sizes of a multilayer perceptron on one-hot observations, or on numbers, and where its parameters lie in one flat buffer.
///
/// Layer l maps its inputs to `widths[l]` outputs with a weight (inputs, outputs) and a bias (outputs): the transpose
/// of PyTorch's, so that an observation's one-hot row is a row of the first weight. The last layer's columns are the
/// heads: logits and a value of an actor-critic, or the values of actions. Every width is rounded up to a multiple of 16
/// columns for the kernels; parameters of columns that do not exist are zero and stay zero.
///
/// Dark Room 9 x 9 with the paper's layers: `components` [9, 9], `hidden` [128, 128, 128] and `outputs` 6, five logits
/// and a value, give widths [128, 128, 128, 16], depths [18, 128, 128, 128] and 37,520 floats.
package struct PerceptronShape: Hashable, Sendable {
    /// One-hot components of an observation: component i has `components[i]` values. Empty where the inputs are numbers.
    package let components: [Int]
    /// Units of each hidden layer, before they are rounded up.
    package let hidden: [Int]
    /// Heads that exist: columns of the last layer, without the padding.
    package let outputs: Int
    /// Columns of each layer, hidden layers first, then the heads.
    package let widths: [Int]
    /// Rows of each layer's weight.
    package let depths: [Int]
    /// Where each layer's weight and bias begin.
    ///
    /// In floats, by layer. A layer's bias follows its weight without a gap: `biasOffsets[l]` = `weightOffsets[l]` +
    /// `depths[l]` * `widths[l]`.
    package let weightOffsets: [Int]
    package let biasOffsets: [Int]
    /// Floats in the flat buffer.
    package let parameterCount: Int

    /// Sizes come from validated settings, so that an empty list is a programmer's mistake and traps.
    package init(components: [Int], hidden: [Int], outputs: Int) {
        precondition(!components.isEmpty, "a network needs inputs")
        self.init(components: components, inputs: components.reduce(0, +), hidden: hidden, outputs: outputs)
    }

    /// Of a network whose inputs are so many numbers.
    package init(inputs: Int, hidden: [Int], outputs: Int) {
        self.init(components: [], inputs: inputs, hidden: hidden, outputs: outputs)
    }

    private init(components: [Int], inputs: Int, hidden: [Int], outputs: Int) {
        precondition(inputs > 0 && !hidden.isEmpty && outputs > 0, "a network needs inputs, layers and outputs")
        self.components = components
        self.hidden = hidden
        self.outputs = outputs
        let widths = (hidden + [outputs]).map { ($0 + 15) / 16 * 16 }
        var weightOffsets: [Int] = []
        var biasOffsets: [Int] = []
        var offset = 0
        let depths = [inputs] + widths.dropLast()
        for (depth, width) in zip(depths, widths) {
            weightOffsets.append(offset)
            biasOffsets.append(offset + depth * width)
            offset += depth * width + width
        }
        self.widths = widths
        self.depths = depths
        self.weightOffsets = weightOffsets
        self.biasOffsets = biasOffsets
        parameterCount = offset
    }

    /// Columns of a row of heads.
    package var headWidth: Int { widths[widths.count - 1] }
    /// Layers, the heads included.
    package var layerCount: Int { widths.count }
    /// Units of a layer that exist, without the padding.
    package func units(of layer: Int) -> Int { layer < hidden.count ? hidden[layer] : outputs }
    /// Inputs of a layer that exist, without the padding.
    package func inputs(of layer: Int) -> Int { layer == 0 ? depths[0] : hidden[layer - 1] }
}

extension PerceptronShape {
    /// Parameters drawn as PyTorch draws those of a linear layer: weights and biases uniform within 1 / sqrt(inputs).
    /// Column c of the heads is scaled by `headScale(c)`. `uniform` gives numbers in [0, 1).
    ///
    /// `uniform` is called once for each parameter that exists, layer by layer, a layer's rows before its bias; so a
    /// seeded generator gives the same parameters on every machine. Columns of padding are left at 0 and take no
    /// number.
    ///
    /// A scale below 1 for a policy's logits makes the first policy nearly uniform, so that early exploration does not
    /// depend on chance.
    package func initialParameters(
        headScale: (_ output: Int) -> Float = { _ in 1 }, uniform: () -> Float
    ) -> [Float] {
        var parameters = [Float](repeating: 0, count: parameterCount)
        for layer in 0..<layerCount {
            let inputs = inputs(of: layer)
            let bound = 1 / Float(inputs).squareRoot()
            for row in 0...inputs {
                let start = row < inputs ? weightOffsets[layer] + row * widths[layer] : biasOffsets[layer]
                for column in 0..<units(of: layer) {
                    let scale = layer == hidden.count ? headScale(column) : 1
                    parameters[start + column] = (2 * uniform() - 1) * bound * scale
                }
            }
        }
        return parameters
    }
}
