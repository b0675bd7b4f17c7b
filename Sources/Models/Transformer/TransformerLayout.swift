import Experience
package import Neural
import Settings

/// Where every parameter of the transformer lies in a flat buffer; names and shapes as PyTorch would have them, so that
/// a PyTorch module with the same names loads the file. Offsets are in floats and are good for the gradient and the
/// optimiser's moments as well, which have the same layout.
///
/// Table 1's model for Dark Room, with 18 rows of observations and 5 actions, has 1,133,061 parameters, of which
/// 1,048,576 are weights of the four MLPs.
package struct TransformerLayout: Sendable, Equatable {
    /// Offsets of one block. `in` is the projection to queries, keys and values (3D, D), `out` the one behind the heads
    /// (D, D), `fc1` (F, D) and `fc2` (D, F) the MLP; `gain` and `shift` belong to the norm behind each half.
    package struct Block: Sendable, Equatable {
        let inWeight, inBias, outWeight, outBias, gain1, shift1: Int
        let fc1Weight, fc1Bias, fc2Weight, fc2Bias, gain2, shift2: Int
    }

    package let parameters: ParameterLayout
    package let settings: TransformerSettings
    /// A table has 9 + 9 rows in Dark Room: the sum of the components' numbers of values.
    let observations: ObservationEmbedding
    /// A; the table of actions has one row more, for "none".
    package let actionCount: Int
    package let blocks: [Block]
    let action, rewardWeight, rewardBias, position, mask: Int
    let headWeight, headBias: Int

    /// Throws `SettingsError` for settings or spaces that no transformer can have.
    package init(_ settings: TransformerSettings, _ spaces: ModelSpaces) throws {
        try settings.validate()
        let (d, actionCount) = (settings.modelDimension, spaces.actionCount)
        var layout = ParameterLayout()
        observations = try ObservationEmbedding(
            spaces.observationSpace, encoder: settings.encoder, width: d, addingTo: &layout)
        action = layout.add("embed.action.weight", [actionCount + 1, d])
        rewardWeight = layout.add("embed.reward.weight", [d, 1])
        rewardBias = layout.add("embed.reward.bias", [d])
        position = layout.add("embed.position.weight", [settings.tokens, d])
        mask = layout.add("embed.mask.weight", [d])
        blocks = (0..<settings.layers).map { index in
            func add(_ name: String, _ shape: [Int]) -> Int { layout.add("blocks.\(index).\(name)", shape) }
            return Block(
                inWeight: add("attention.in_proj.weight", [3 * d, d]), inBias: add("attention.in_proj.bias", [3 * d]),
                outWeight: add("attention.out_proj.weight", [d, d]), outBias: add("attention.out_proj.bias", [d]),
                gain1: add("norm1.weight", [d]), shift1: add("norm1.bias", [d]),
                fc1Weight: add("mlp.fc1.weight", [settings.feedForward, d]),
                fc1Bias: add("mlp.fc1.bias", [settings.feedForward]),
                fc2Weight: add("mlp.fc2.weight", [d, settings.feedForward]), fc2Bias: add("mlp.fc2.bias", [d]),
                gain2: add("norm2.weight", [d]), shift2: add("norm2.bias", [d]))
        }
        headWeight = layout.add("head.weight", [actionCount, d])
        headBias = layout.add("head.bias", [actionCount])
        parameters = layout
        self.settings = settings
        self.actionCount = actionCount
    }

    /// Draws the parameters of an untrained model. Embeddings are small beside 1 so that the first normalisation
    /// lets every part of a token through; projections keep the variance of what they project; the head begins near
    /// the uniform policy.
    package func initialise(_ buffer: FloatBuffer, seed: UInt64) {
        parameters.draw(into: buffer, seed: seed) { initial($0) }
        observations.initialise(buffer, seed: seed)
    }

    /// Chosen by the tensor's name: norms 1 and 0, biases 0, embeddings 0.3, the head 0.02, projections 0.8 /
    /// sqrt(inputs), and 0.6 / sqrt(inputs) for those that end a residual branch.
    private func initial(_ tensor: ParameterLayout.Tensor) -> InitialValues {
        let name = tensor.name
        if observations.holds(tensor) { return .constant(0) }
        if name.contains("norm") { return .constant(name.hasSuffix("weight") ? 1 : 0) }
        if name.hasSuffix("bias") { return .constant(0) }
        if name.hasPrefix("embed.") { return .normal(0.3) }
        if name.hasPrefix("head.") { return .normal(0.02) }
        let inputs = Float(tensor.shape[1])
        let isOutput = name.contains("out_proj") || name.contains("fc2")
        return .normal((isOutput ? 0.6 : 0.8) / inputs.squareRoot())
    }
}
