package import Neural
package import Settings

/// How much of a life LSTM-AD's state holds while it acts. Training shows it windows alone.
///
/// Both are of use. In Dark Room, 1,000 episodes of 16 held-out goals with 8 seeds by one model of 128 units and windows of
/// three episodes, the return at episode 50, 200 and 1,000 was 9.7, 11.2 and 13.8 with `life`, and 11.7, 13.4 and 13.7
/// with `window` and a slide of one episode: what was believed wrongly is forgotten, but half as much again is computed. With
/// a slide of one transition 60 times as much was, for 10.2 and 11.9 at episodes 50 and 200.
package enum LSTMMemory: String, Sendable, CaseIterable {
    /// The state goes on until the context is cleared.
    case life
    /// As the transformer's context: with c transitions it is full, and is begun anew from those that stay.
    case window
}

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

    /// What of the past counts while acting.
    package var memory = LSTMMemory.life

    /// Looks at images; of no use to integers.
    package var encoder = ImageEncoderChoice(ConvolutionalEncoder.self)

    package init() {}

    package static let entries: [Entry<LSTMSettings>] = [
        .key(
            "context_length", \.contextLength, .integer(2...16_384),
            "Transitions of a window of training, and of what counts while acting where `memory` is `window`."),
        .key("embedding", \.embedding, .integer(1...8_192), "Width of each of the three embeddings."),
        .key("units", \.units, .integer(1...8_192), "Units of an LSTM layer."),
        .key("layers", \.layers, .integer(1...16), "LSTM layers."),
        .key("mlp_depth", \.mlpDepth, .integer(1...16), "Hidden layers of the MLP behind the LSTM."),
        .key("mlp_width", \.mlpWidth, .integer(1...65_536), "Units of each of the MLP's hidden layers."),
        .key("embedding_dropout", \.embeddingDropout, .number(0, below: 1), "Dropout of embeddings."),
        .key("unit_dropout", \.unitDropout, .number(0, below: 1), "Dropout of what an LSTM layer gives."),
        .key(
            "memory", \.memory, .choice,
            "While acting, `life`: the state goes on until the context is cleared; `window`: when the context is full, "
                + "the state is begun anew from what is left of it (`slide`), which learns faster and costs more."),
        .kinds(
            "encoder", \.encoder, of: RegisteredImageEncoder.registry, key: "kind",
            "The network that looks at observations that are images.", "Its dimensions."),
    ]
}
