package import Neural
package import Settings

/// How a transition becomes tokens.
package enum TokenLayout: String, Sendable, CaseIterable {
    /// One token a transition: the sum of the embeddings of o_t, a_(t-1) and r_(t-1).
    case merged
    /// Three tokens a transition: a_(t-1), r_(t-1) and o_t, which predicts a_t. A window is the paper's sequence o, a,
    /// r, o, a, r, ..., o with "none" and 0 before its first observation.
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
    /// Blocks, each attention and an MLP.
    package var layers = 4
    /// Attention heads of a block; a head has `modelDimension / heads` columns.
    package var heads = 4
    /// Hidden units of a block's MLP.
    package var feedForward = 2048
    /// Probability of dropping an element of a token's embedding.
    package var embeddingDropout = 0.1
    /// Probability of dropping an attention weight.
    package var attentionDropout = 0.5
    /// Probability of dropping an element that a block adds to its residual path.
    package var residualDropout = 0.1

    /// Looks at images; of no use to integers.
    package var encoder = ImageEncoderChoice(ConvolutionalEncoder.self)

    package init() {}

    package var tokensPerTransition: Int { tokenLayout.tokensPerTransition }

    package static let entries: [Entry<TransformerSettings>] = [
        .key(
            "token_layout", \.tokenLayout, .choice,
            "`merged`: one token a transition, the sum of the embeddings of observation, previous action and reward; "
                + "`separate`: three tokens a transition, as in the paper, about four times the work."),
        .key("context_length", \.contextLength, .integer(1...16_384), "Transitions that the model sees at once."),
        .key("dimension", \.modelDimension, .integer(1...8_192), "Width of a token."),
        .key("layers", \.layers, .integer(1...256), "Blocks."),
        .key("heads", \.heads, .integer(1...256), "Attention heads of a block; they divide the dimension."),
        .key("feed_forward", \.feedForward, .integer(1...65_536), "Hidden units of a block's MLP."),
        .key("embedding_dropout", \.embeddingDropout, .number(0, below: 1), "Dropout of token embeddings."),
        .key("attention_dropout", \.attentionDropout, .number(0, below: 1), "Dropout of attention weights."),
        .key("residual_dropout", \.residualDropout, .number(0, below: 1), "Dropout of what a block adds."),
        .kinds(
            "encoder", \.encoder, of: RegisteredImageEncoder.registry, key: "kind",
            "The network that looks at observations that are images.", "Its dimensions."),
    ]

    package func contradictions() -> [Contradiction] {
        var found: [Contradiction] = []
        if modelDimension % heads != 0 {
            found.append(
                Contradiction(["heads", "dimension"], "\(heads) heads do not divide \(modelDimension) dimensions"))
        }
        // Acting keeps a square of attention weights, which is 1 GB at this size.
        if tokens > 16_384 {
            found.append(
                Contradiction(
                    ["context_length", "token_layout"],
                    "\(contextLength) transitions are \(tokens) tokens, expected at most 16384"))
        }
        return found
    }
}
