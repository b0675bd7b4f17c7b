/// A long short-term memory that is stepped: it carries the state of B sequences from call to call, under parameters
/// that stay the same for many steps. For acting; `LSTM` is for whole sequences and their gradients, with the same bits.
///
/// Its inputs are numbers, or one-hot but for the last, which is a number. What a sequence gets has the same bits whatever sequences
/// stand beside it. Allocates nothing after it was made. Belongs to one thread.
package final class SteppedLSTM {
    /// Sizes, and where its parameters lie in the flat buffer that `load` is given.
    package let layout: LSTMLayout
    /// Sequences, B.
    package let sequences: Int
    /// Inputs that are 1 at a time.
    private let components: Int
    private let lstm: LSTM
    private let weights: LSTMWeights
    /// (B, I)
    private let dense: FloatBuffer
    /// (L, B, H) each.
    private let hidden: FloatBuffer
    private let cells: FloatBuffer
    /// (B, H)
    private let scratch: FloatBuffer

    /// `components`: inputs of each sequence that are 1 at a time, where they are given so. Its parameters and its state are zero.
    package init(_ layout: LSTMLayout, sequences: Int, components: Int) {
        self.layout = layout
        self.sequences = sequences
        self.components = components
        lstm = LSTM(layout)
        weights = LSTMWeights(layout, training: false)
        dense = FloatBuffer(sequences * layout.inputs)
        hidden = FloatBuffer(layout.layers.count * sequences * layout.units)
        cells = FloatBuffer(layout.layers.count * sequences * layout.units)
        scratch = FloatBuffer(sequences * layout.units)
    }

    /// Takes over parameters; the state stays.
    package func load(_ parameters: UnsafePointer<Float>) { weights.pack(parameters) }

    /// Makes a sequence's state zero.
    package func clear(_ sequence: Int) {
        for layer in layout.layers.indices {
            for buffer in [hidden, cells] {
                place(buffer, layer, sequence).update(repeating: 0, count: layout.units)
            }
        }
    }

    /// One step of all sequences. `inputs`: (B, components), which inputs are 1; `numbers`: (B) the last input. Lends
    /// what the last layer gives, (B, H), until the next step.
    package func step(inputs: UnsafePointer<Int32>, numbers: UnsafePointer<Float>) -> UnsafePointer<Float> {
        dense.start.update(repeating: 0, count: dense.count)
        for sequence in 0..<sequences {
            let row = dense.start + sequence * layout.inputs
            for component in 0..<components { row[Int(inputs[sequence * components + component])] = 1 }
            row[layout.inputs - 1] = numbers[sequence]
        }
        return step(dense.start)
    }

    /// One step of all sequences, whose inputs are x (B, I). Lends what the last layer gives, (B, H), until the next step.
    package func step(_ x: UnsafePointer<Float>) -> UnsafePointer<Float> {
        UnsafePointer(
            lstm.step(
                weights, x, sequences: sequences,
                state: LSTM.State(hidden: hidden.start, cells: cells.start), scratch: scratch.start))
    }

    /// Hidden units (L, H) of one sequence, then its cells likewise. For comparison.
    package func state(of sequence: Int) -> [Float] {
        [hidden, cells].flatMap { buffer in
            layout.layers.indices.flatMap {
                UnsafeBufferPointer(start: place(buffer, $0, sequence), count: layout.units)
            }
        }
    }

    private func place(_ buffer: FloatBuffer, _ layer: Int, _ sequence: Int) -> UnsafeMutablePointer<Float> {
        buffer.start + (layer * sequences + sequence) * layout.units
    }
}
