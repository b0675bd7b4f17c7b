import Neural

/// A small recurrent network over tokens: embedding, LSTM, linear head, a class for every step. It is what tests
/// compare with PyTorch over several optimiser steps; no registry names it.
///
/// T steps, B sequences, D columns of an embedding, H units. Arrays are time-major. One thread uses it, and its memory
/// is taken once.
///
/// Parameter names and shapes are PyTorch's: `embed.weight` (vocabulary, D), `lstm.weight_ih_l0` and so on,
/// `head.weight` (classes, H), `head.bias`.
final class LSTMModel {
    /// Sizes; they are not checked beyond being positive where a layer needs it.
    struct Settings: Sendable, Equatable, Codable {
        /// Different tokens, numbered from 0.
        var vocabulary: Int
        /// D.
        var dimension: Int
        /// H, of every layer.
        var units: Int
        /// L: LSTM layers on top of each other, each of H units.
        var layers: Int
        /// Width of the head: how many answers there are at a step.
        var classes: Int

        init(vocabulary: Int, dimension: Int, units: Int, layers: Int, classes: Int) {
            self.vocabulary = vocabulary
            self.dimension = dimension
            self.units = units
            self.layers = layers
            self.classes = classes
        }
    }

    /// What the model was built with; `layout` follows from it.
    let settings: Settings
    /// Names and places of all tensors, for reading and writing PyTorch's files.
    let layout: ParameterLayout
    /// Trained numbers, flat as `layout` has it. The optimiser changes them between passes.
    let parameters: FloatBuffer
    /// Sums of `backward`, flat as `layout` has it. The optimiser sets them to 0.
    let gradients: FloatBuffer
    /// Offsets of the three tensors in the flat buffers, in floats.
    private let embedWeight: Int
    private let headWeight: Int
    private let headBias: Int
    private let lstm: LSTM
    private let arena: LSTMArena
    /// (T, B, D) and (T, B, classes).
    private let embedded: FloatBuffer
    private let logitBuffer: FloatBuffer

    /// A model for at most `steps` steps of at most `sequences` sequences, all parameters 0.
    init(_ settings: Settings, steps: Int, sequences: Int) {
        var layout = ParameterLayout()
        embedWeight = layout.add("embed.weight", [settings.vocabulary, settings.dimension])
        lstm = LSTM(
            LSTMLayout(
                inputs: settings.dimension, units: settings.units, layers: settings.layers, prefix: "lstm.",
                addingTo: &layout))
        headWeight = layout.add("head.weight", [settings.classes, settings.units])
        headBias = layout.add("head.bias", [settings.classes])
        arena = LSTMArena(lstm.layout, steps: steps, sequences: sequences)
        embedded = FloatBuffer(steps * sequences * settings.dimension)
        logitBuffer = FloatBuffer(steps * sequences * settings.classes)
        parameters = FloatBuffer(layout.count)
        gradients = FloatBuffer(layout.count)
        self.settings = settings
        self.layout = layout
    }

    /// (T, B, classes) of the last forward pass; the caller turns them into their gradient before `backward`.
    var logits: UnsafeMutablePointer<Float> { logitBuffer.start }

    /// Computes `logits` of tokens (T, B), beginning with the state `initial` or with zeros.
    ///
    /// `tokens` are indices below `vocabulary`, time-major; nothing checks them. More steps or sequences than the
    /// initialiser was given trap.
    func forward(
        _ tokens: UnsafePointer<Int32>, steps: Int, sequences: Int, initial: LSTM.State? = nil, dropout: Dropout = .none
    ) {
        let rows = steps * sequences
        Embedding.forward(
            tokens, table: parameters.start + embedWeight, into: embedded.start, count: rows,
            dimension: settings.dimension)
        lstm.forward(
            parameters.start, embedded.start, steps: steps, sequences: sequences, initial: initial, arena: arena,
            dropout: dropout)
        Linear.forward(
            lstm.output(arena, sequences: sequences), weight: parameters.start + headWeight, into: logits, rows: rows,
            inputs: settings.units, outputs: settings.classes)
        Linear.addBias(parameters.start + headBias, to: logits, rows: rows, outputs: settings.classes)
    }

    /// The state behind the last forward pass, (layers, B, H) each, to begin the next one with.
    func copyFinalState(steps: Int, sequences: Int, into final: LSTM.State) {
        lstm.copyFinalState(arena, steps: steps, sequences: sequences, into: final)
    }

    /// Adds to `gradients` what `logits`, which hold their gradient by now, ask for.
    ///
    /// Must follow a `forward` of the same tokens, sizes and dropout. No gradient flows into the initial state.
    func backward(_ tokens: UnsafePointer<Int32>, steps: Int, sequences: Int, dropout: Dropout = .none) {
        let rows = steps * sequences
        Linear.weightGradient(
            logits, lstm.output(arena, sequences: sequences), into: gradients.start + headWeight, rows: rows,
            inputs: settings.units, outputs: settings.classes)
        Linear.biasGradient(logits, into: gradients.start + headBias, rows: rows, outputs: settings.classes)
        Linear.inputGradient(
            logits, weight: parameters.start + headWeight, into: lstm.outputGradient(arena), rows: rows,
            inputs: settings.units, outputs: settings.classes)
        // The embedding's output has been used for the last time when its gradient takes its place.
        lstm.backward(
            parameters.start, gradients: gradients.start, embedded.start, steps: steps, sequences: sequences,
            arena: arena, inputGradient: embedded.start, dropout: dropout)
        Embedding.backward(
            embedded.start, indices: tokens, into: gradients.start + embedWeight, count: rows,
            dimension: settings.dimension)
    }
}
