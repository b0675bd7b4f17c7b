package import Settings

/// The dimensions and dropouts of LSTM-AD; the defaults are what the paper found by a grid search (appendix K), which
/// says nothing of an embedding's width or of dropout.
package struct LSTMSettings: SequenceModelSettings {
    /// Transitions of a window, c: how far gradients reach back in training.
    package var contextLength = 100
    /// Width of the embedding of each of observation, action and reward, E.
    package var embedding = 64
    /// Units of an LSTM layer, H.
    package var units = 512
    /// LSTM layers on top of each other.
    package var layers = 1
    /// Hidden layers of the MLP behind the LSTM.
    package var mlpDepth = 2
    /// Units of each of them, W.
    package var mlpWidth = 256
    /// Probability of dropping an element of an embedding.
    package var embeddingDropout = 0.0
    /// Probability of dropping a unit that an LSTM layer gives, on its way to what follows; never on its way to the next
    /// step.
    package var unitDropout = 0.0

    package init() {}

    package static let entries: [Entry<LSTMSettings>] = [
        .key(
            "context_length", \.contextLength, .integer(2...16_384),
            "Transitions of a window of training. While acting, the state goes on without bound."),
        .key("embedding", \.embedding, .integer(1...8_192), "Width of each of the three embeddings."),
        .key("units", \.units, .integer(1...8_192), "Units of an LSTM layer."),
        .key("layers", \.layers, .integer(1...16), "LSTM layers."),
        .key("mlp_depth", \.mlpDepth, .integer(1...16), "Hidden layers of the MLP behind the LSTM."),
        .key("mlp_width", \.mlpWidth, .integer(1...65_536), "Units of each of the MLP's hidden layers."),
        .key("embedding_dropout", \.embeddingDropout, .number(0, below: 1), "Dropout of embeddings."),
        .key("unit_dropout", \.unitDropout, .number(0, below: 1), "Dropout of what an LSTM layer gives."),
    ]
}
