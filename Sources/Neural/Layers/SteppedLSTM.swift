import CKernels

/// A long short-term memory that is stepped: it carries the state of B sequences from call to call, under parameters
/// that stay the same for many steps. For acting; `LSTM` is for whole sequences and their gradients.
///
/// Its inputs are one-hot but for the last, which is a number. All products are of our own kernel, so that what a
/// sequence gets has the same bits whatever sequences stand beside it. Allocates nothing after it was made. Belongs to
/// one thread.
package final class SteppedLSTM {
    /// Sizes, and where its parameters lie in the flat buffer that `load` is given. Units are a multiple of 16.
    package let layout: LSTMLayout
    /// Sequences, B.
    package let sequences: Int
    /// Inputs that are 1 at a time.
    private let components: Int
    /// The first layer's input weight transposed, (inputs, 4H): one-hot inputs choose rows, the last is the number's.
    private let inputRows: FloatBuffer
    private let layers: [Layer]
    /// (B, 4H), and (4H) zeros.
    private let gates: FloatBuffer
    private let zeros: FloatBuffer

    /// A layer's weights as they are read, and its state.
    private final class Layer {
        /// Nil in the first layer.
        let input: PackedProduct?
        let recurrent: PackedProduct
        /// (4H) the sum of both biases.
        let bias: FloatBuffer
        /// (B, H); what the cells become is written beside them.
        let hidden: FloatBuffer
        var cells: FloatBuffer
        var nextCells: FloatBuffer

        init(units: Int, hasInput: Bool, sequences: Int) {
            input = hasInput ? PackedProduct(outputs: 4 * units, depth: units) : nil
            recurrent = PackedProduct(outputs: 4 * units, depth: units)
            bias = FloatBuffer(4 * units)
            hidden = FloatBuffer(sequences * units)
            cells = FloatBuffer(sequences * units)
            nextCells = FloatBuffer(sequences * units)
        }
    }

    /// `components`: inputs of each sequence that are 1 at a time. Its parameters and its state are zero.
    package init(_ layout: LSTMLayout, sequences: Int, components: Int) {
        precondition(layout.units.isMultiple(of: 16))
        self.layout = layout
        self.sequences = sequences
        self.components = components
        inputRows = FloatBuffer(layout.inputs * 4 * layout.units)
        layers = layout.layers.indices.map { Layer(units: layout.units, hasInput: $0 > 0, sequences: sequences) }
        gates = FloatBuffer(sequences * 4 * layout.units)
        zeros = FloatBuffer(4 * layout.units)
    }

    /// Takes over parameters; the state stays.
    package func load(_ parameters: UnsafePointer<Float>) {
        for (layer, offsets) in zip(layers, layout.layers) {
            if let input = layer.input {
                input.pack(parameters + offsets.inputWeight)
            } else {
                Product.transpose(
                    parameters + offsets.inputWeight, into: inputRows.start, rows: 4 * layout.units,
                    columns: offsets.inputs)
            }
            layer.recurrent.pack(parameters + offsets.hiddenWeight)
            for column in 0..<(4 * layout.units) {
                layer.bias.start[column] =
                    parameters[offsets.inputBias + column] + parameters[offsets.hiddenBias + column]
            }
        }
    }

    /// Makes a sequence's state zero.
    package func clear(_ sequence: Int) {
        for layer in layers {
            for buffer in [layer.hidden, layer.cells] {
                (buffer.start + sequence * layout.units).update(repeating: 0, count: layout.units)
            }
        }
    }

    /// One step of all sequences. `inputs`: (B, components), which inputs are 1; `numbers`: (B) the last input. Lends
    /// what the last layer gives, (B, H), until the next step.
    package func step(inputs: UnsafePointer<Int32>, numbers: UnsafePointer<Float>) -> UnsafePointer<Float> {
        let width = 4 * layout.units
        ck_mlp_gather(
            inputs, components, inputRows.start, gates.start, sequences, width, zeros.start, Int32(CK_LINEAR))
        let lastRow = inputRows.start + (layout.inputs - 1) * width
        for sequence in 0..<sequences where numbers[sequence] != 0 {
            let (number, gates) = (numbers[sequence], gates.start + sequence * width)
            for column in 0..<width { gates[column] += number * lastRow[column] }
        }
        for (index, layer) in layers.enumerated() {
            layer.input?.apply(
                layers[max(0, index - 1)].hidden.start, into: gates.start, rows: sequences, accumulate: false)
            layer.recurrent.apply(layer.hidden.start, into: gates.start, rows: sequences, accumulate: true)
            ck_lstm_forward(
                gates.start, layer.bias.start, layer.cells.start, layer.nextCells.start, layer.hidden.start, sequences,
                layout.units)
            swap(&layer.cells, &layer.nextCells)
        }
        return UnsafePointer(layers[layers.count - 1].hidden.start)
    }

    /// Hidden units (L, H) of one sequence, then its cells likewise. For comparison.
    package func state(of sequence: Int) -> [Float] {
        func values(_ buffer: (Layer) -> FloatBuffer) -> [Float] {
            layers.flatMap { layer in
                Array(
                    UnsafeBufferPointer(start: buffer(layer).start + sequence * layout.units, count: layout.units))
            }
        }
        return values { $0.hidden } + values { $0.cells }
    }
}

/// A weight (outputs, depth) in the order in which our kernel reads it: panels of the transposed weight, 64 columns
/// each. `outputs` is a multiple of 64.
private struct PackedProduct {
    private static let panelWidth = 64
    private let outputs: Int
    private let depth: Int
    private let panels: FloatBuffer

    init(outputs: Int, depth: Int) {
        self.outputs = outputs
        self.depth = depth
        panels = FloatBuffer(outputs * depth)
    }

    /// `weight`: (outputs, depth).
    func pack(_ weight: UnsafePointer<Float>) {
        for row in stride(from: 0, to: outputs, by: Self.panelWidth) {
            Product.transpose(
                weight + row * depth, into: panels.start + row * depth, rows: Self.panelWidth, columns: depth)
        }
    }

    /// y (rows, outputs) = x (rows, depth) W^T, or is increased by it.
    func apply(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int, accumulate: Bool) {
        for column in stride(from: 0, to: outputs, by: Self.panelWidth) {
            Product.plain(
                x, stride: depth, panels.start + column * depth, stride: Self.panelWidth, into: y + column,
                stride: outputs, rows: rows, columns: Self.panelWidth, depth: depth, accumulate: accumulate)
        }
    }
}
