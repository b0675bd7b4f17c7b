/// How a transition becomes tokens.
package enum TokenLayout: String, Sendable, Codable, CaseIterable {
    /// One token a transition: the sum of the embeddings of o_t, a_(t-1) and r_(t-1).
    case merged
    /// Three tokens a transition: a_(t-1), r_(t-1) and o_t, which predicts a_t. A window is the paper's sequence o, a, r,
    /// o, a, r, ..., o with "none" and 0 before its first observation.
    case separate

    package var tokensPerTransition: Int {
        switch self {
        case .merged: 1
        case .separate: 3
        }
    }
}

/// The causal transformer's dimensions and dropouts; the defaults are the paper's Table 1.
package struct TransformerSettings: SequenceModelSettings {
    package var tokenLayout = TokenLayout.merged
    /// Transitions that the model sees at once, c.
    package var contextLength = 100
    /// Width of a token, D.
    package var modelDimension = 64
    package var layers = 4
    package var heads = 4
    /// Hidden units of a block's MLP.
    package var feedForward = 2048
    /// Probability of dropping an element of a token's embedding.
    package var embeddingDropout = 0.1
    /// Probability of dropping an attention weight.
    package var attentionDropout = 0.5
    /// Probability of dropping an element that a block adds to its residual path.
    package var residualDropout = 0.1

    package init() {}

    package var tokensPerTransition: Int { tokenLayout.tokensPerTransition }

    /// Throws `SettingsError` for the first setting that no model can have.
    package func validate() throws {
        try require(contextLength, in: 1...16_384, "contextLength")
        try require(modelDimension, in: 1...8_192, "modelDimension")
        try require(layers, in: 1...256, "layers")
        try require(heads, in: 1...256, "heads")
        try require(feedForward, in: 1...65_536, "feedForward")
        guard modelDimension % heads == 0 else {
            throw SettingsError(
                "heads", "must divide modelDimension (\(modelDimension)), because every head gets an equal share",
                found: "\(heads)")
        }
        // Acting keeps a square of attention weights, which is 1 GB at this size.
        guard tokens <= 16_384 else {
            throw SettingsError(
                "contextLength", "must give at most 16384 tokens, \(tokenLayout.tokensPerTransition) a transition",
                found: "\(contextLength)")
        }
        try requireProbability(embeddingDropout, "embeddingDropout")
        try requireProbability(attentionDropout, "attentionDropout")
        try requireProbability(residualDropout, "residualDropout")
    }
}
