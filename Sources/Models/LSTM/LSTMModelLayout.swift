import CKernels
import Experience
package import Neural
import Settings

/// Where every parameter of LSTM-AD lies in a flat buffer; names and shapes as PyTorch would have them. E: width of an
/// embedding; H: units of an LSTM layer; W: units of the MLP's layers; A: actions.
package struct LSTMModelLayout: Sendable, Equatable {
    /// Offsets of one of the MLP's hidden layers, (W, inputs) and (W).
    struct Layer: Sendable, Equatable {
        let inputs, weight, bias: Int
    }

    package let parameters: ParameterLayout
    package let settings: LSTMSettings
    package let actionCount: Int
    /// What the LSTM reads is the embeddings of (o_i, a_i, r_i) side by side, 3E columns.
    let lstm: LSTMLayout
    /// The first one reads the LSTM's units and the embedding of o_t side by side.
    let mlp: [Layer]
    let observations: ObservationEmbedding
    let action, rewardWeight, rewardBias, mask: Int
    let headWeight, headBias: Int

    /// Throws `SettingsError` for settings or spaces that no such model can have.
    package init(_ settings: LSTMSettings, _ spaces: ModelSpaces) throws {
        try settings.validate()
        let (e, w) = (settings.embedding, settings.mlpWidth)
        var layout = ParameterLayout()
        observations = try ObservationEmbedding(
            spaces.observationSpace, encoder: settings.encoder, width: e, addingTo: &layout)
        action = layout.add("embed.action.weight", [spaces.actionCount, e])
        rewardWeight = layout.add("embed.reward.weight", [e, 1])
        rewardBias = layout.add("embed.reward.bias", [e])
        mask = layout.add("embed.mask.weight", [e])
        lstm = LSTMLayout(
            inputs: 3 * e, units: settings.units, layers: settings.layers, prefix: "lstm.", addingTo: &layout)
        mlp = (0..<settings.mlpDepth).map { index in
            let inputs = index == 0 ? settings.units + e : w
            return Layer(
                inputs: inputs, weight: layout.add("mlp.\(index).weight", [w, inputs]),
                bias: layout.add("mlp.\(index).bias", [w]))
        }
        headWeight = layout.add("head.weight", [spaces.actionCount, w])
        headBias = layout.add("head.bias", [spaces.actionCount])
        parameters = layout
        self.settings = settings
        actionCount = spaces.actionCount
    }

    /// Draws the parameters of an untrained model. The forget gates begin open (Jozefowicz et al. 2015), so that
    /// gradients reach back at once; the head begins near the uniform policy.
    func initialise(_ buffer: FloatBuffer, seed: UInt64) {
        parameters.draw(into: buffer, seed: seed) { tensor in
            if observations.holds(tensor) { return .constant(0) }
            if tensor.name.contains("bias") { return .constant(0) }
            if tensor.name.hasPrefix("embed.") { return .normal(0.5) }
            if tensor.name.hasPrefix("head.") { return .normal(0.02) }
            let inputs = Float(tensor.shape[1])
            return .normal((tensor.name.hasPrefix("mlp.") ? 2 / inputs : 1 / inputs).squareRoot())
        }
        observations.initialise(buffer, seed: seed)
        for layer in lstm.layers {
            (buffer.start + layer.inputBias + lstm.units).update(repeating: 1, count: lstm.units)
        }
    }

    /// Floating-point operations of the forward pass over one full window: 2 for each weight of a step of the LSTM, and
    /// for each of the MLP and the head at every transition. Nothing follows the last transition, so that the LSTM has a
    /// step less than the window has rows.
    var forwardOperations: Double {
        let (h, w) = (settings.units, settings.mlpWidth)
        let step = lstm.layers.reduce(0) { $0 + 4 * h * ($1.inputs + h) }
        let row = mlp.reduce(0) { $0 + $1.inputs * w } + w * actionCount
        return 2 * Double(step) * Double(settings.contextLength - 1)
            + Double(2 * row + observations.forwardOperations) * Double(settings.contextLength)
    }
}

// MARK: Embeddings

extension LSTMModelLayout {
    /// The embedding tables inside a flat buffer of parameters or gradients. Recurrence counts by itself: there are no
    /// positions.
    private func embedding(_ buffer: UnsafeMutablePointer<Float>) -> ck_embedding {
        ck_embedding(
            observation: buffer + observations.tableOffset, action: buffer + action, reward: buffer + rewardWeight,
            reward_bias: buffer + rewardBias, position: nil, mask: buffer + mask)
    }

    /// x (rows, 3E) of the rows from `tokens` on: previous action, previous reward, observation. `vectors` (rows, E):
    /// what an encoder made of the observations.
    func embedForward(
        _ parameters: UnsafeMutablePointer<Float>, _ tokens: ck_tokens, vectors: UnsafePointer<Float>?, rows: Int,
        into x: UnsafeMutablePointer<Float>
    ) {
        var (tables, tokens) = (embedding(parameters), tokens)
        ck_embed_separate_forward(&tables, &tokens, rows, settings.embedding, 0, x)
        vectors?.add(to: x + 2 * settings.embedding, stride: 3 * settings.embedding, rows: rows, settings.embedding)
    }

    /// Adds what dx (rows, 3E) asks for to `gradients`; the gradient of vectors (rows, E) is written.
    func embedBackward(
        _ gradients: UnsafeMutablePointer<Float>, _ tokens: ck_tokens,
        vectorGradients: UnsafeMutablePointer<Float>?, rows: Int, from dx: UnsafePointer<Float>
    ) {
        var (tables, tokens) = (embedding(gradients), tokens)
        ck_embed_separate_backward(&tables, &tokens, rows, settings.embedding, 0, dx)
        vectorGradients?.take(
            dx + 2 * settings.embedding, stride: 3 * settings.embedding, rows: rows, settings.embedding)
    }
}
