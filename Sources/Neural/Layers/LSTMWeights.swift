import CKernels

/// An LSTM's weights in the order in which its products read them. They follow the parameters only when `pack` is
/// called; several threads may read them, and pack different pieces.
///
/// Every arena has one of its own, which a pass packs for itself. Those who take more than one pass with the same
/// parameters make one for all of them: workers who share a batch, and actors.
package final class LSTMWeights {
    /// A layer's. I inputs, H units; the pointers are into `memory`.
    struct Layer {
        /// As `ck_lstm_weights` has them.
        let input, hidden, bias: UnsafeMutablePointer<Float>
        /// W_ih and W_hh in panels of 64 columns, (4H, 64) each, the last one narrower: for the backward pass alone.
        let inputPanels, hiddenPanels: UnsafeMutablePointer<Float>?
    }

    /// Columns of a panel of the backward pass: what the product kernel keeps in registers with AVX-512.
    private static let panelWidth = 64
    /// What a layer is packed in.
    private static let piecesPerLayer = 4
    private let layout: LSTMLayout
    private let layers: [Layer]
    private let memory: FloatBuffer

    /// `training`: whether a backward pass is wanted, which reads each weight in a second order.
    package init(_ layout: LSTMLayout, training: Bool) {
        let units = layout.units
        let padded = (units + 15) & ~15
        let sizes = layout.layers.map { layer in
            [4 * padded * layer.inputs, 4 * padded * units, 4 * units]
                + (training ? [4 * units * layer.inputs, 4 * units * units] : [])
        }
        var arena = FloatArena(sizes.flatMap { $0 })
        self.layout = layout
        memory = arena.memory
        layers = sizes.map { sizes in
            Layer(
                input: arena.take(sizes[0]), hidden: arena.take(sizes[1]), bias: arena.take(sizes[2]),
                inputPanels: training ? arena.take(sizes[3]) : nil, hiddenPanels: training ? arena.take(sizes[4]) : nil)
        }
    }

    /// Bytes of all weights.
    package var byteCount: Int { memory.count * MemoryLayout<Float>.stride }

    /// Takes over the parameters, or of several who pack together the pieces first, first + step, ... To be called after
    /// each change of the parameters and before the passes that use them.
    package func pack(_ parameters: UnsafePointer<Float>, first: Int = 0, step: Int = 1) {
        for piece in stride(from: first, to: Self.piecesPerLayer * layers.count, by: step) {
            let index = piece / Self.piecesPerLayer
            pack(parameters, piece % Self.piecesPerLayer, layout.layers[index], into: layers[index])
        }
    }

    /// The half of the pieces that one direction of a pass reads.
    func pack(_ parameters: UnsafePointer<Float>, backward: Bool) {
        for index in layers.indices {
            for piece in backward ? 2...3 : 0...1 { pack(parameters, piece, layout.layers[index], into: layers[index]) }
        }
    }

    /// One of a layer's weights in one of its orders; the bias goes with the first. Pieces 2 and 3 are the backward
    /// pass's.
    private func pack(
        _ parameters: UnsafePointer<Float>, _ piece: Int, _ layer: LSTMLayout.Layer, into packed: Layer
    ) {
        let units = layout.units
        switch piece {
        case 0:
            ck_lstm_pack(parameters + layer.inputWeight, packed.input, units, layer.inputs)
            for column in 0..<(4 * units) {
                packed.bias[column] = parameters[layer.inputBias + column] + parameters[layer.hiddenBias + column]
            }
        case 1: ck_lstm_pack(parameters + layer.hiddenWeight, packed.hidden, units, units)
        case 2: cut(parameters + layer.inputWeight, columns: layer.inputs, into: packed.inputPanels)
        default: cut(parameters + layer.hiddenWeight, columns: units, into: packed.hiddenPanels)
        }
    }

    /// A weight (4H, columns) in panels of 64 columns.
    private func cut(_ weight: UnsafePointer<Float>, columns: Int, into panels: UnsafeMutablePointer<Float>?) {
        guard let panels else { return }
        let rows = 4 * layout.units
        for column in stride(from: 0, to: columns, by: Self.panelWidth) {
            let width = min(Self.panelWidth, columns - column)
            for row in 0..<rows {
                (panels + rows * column + row * width).update(from: weight + row * columns + column, count: width)
            }
        }
    }

    /// Layer `index` as the kernels take it.
    @inline(__always)
    func forward(_ index: Int) -> ck_lstm_weights {
        let layer = layers[index]
        return ck_lstm_weights(
            input: layer.input, hidden: layer.hidden, bias: layer.bias, inputs: layout.layers[index].inputs,
            units: layout.units)
    }

    /// dx (rows, I) = dgates (rows, 4H) W_ih of layer `index`.
    func inputGradient(
        _ index: Int, _ dgates: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>, rows: Int
    ) {
        multiply(
            dgates, layers[index].inputPanels, columns: layout.layers[index].inputs, into: dx, rows: rows,
            accumulate: false)
    }

    /// dhidden (rows, H) += dgates (rows, 4H) W_hh of layer `index`.
    func hiddenGradient(
        _ index: Int, _ dgates: UnsafePointer<Float>, addingTo dhidden: UnsafeMutablePointer<Float>, rows: Int
    ) {
        multiply(
            dgates, layers[index].hiddenPanels, columns: layout.units, into: dhidden, rows: rows, accumulate: true)
    }

    private func multiply(
        _ a: UnsafePointer<Float>, _ panels: UnsafeMutablePointer<Float>?, columns: Int,
        into c: UnsafeMutablePointer<Float>, rows: Int, accumulate: Bool
    ) {
        guard let panels else { preconditionFailure("packed without a backward pass") }
        let depth = 4 * layout.units
        // As many rows at a time as stay in the second-level cache beside a panel, for all panels.
        let rowsAtATime = max(6, Self.cacheFloats / depth)
        for first in stride(from: 0, to: rows, by: rowsAtATime) {
            for column in stride(from: 0, to: columns, by: Self.panelWidth) {
                let width = min(Self.panelWidth, columns - column)
                Product.plain(
                    a + first * depth, stride: depth, panels + depth * column, stride: width,
                    into: c + first * columns + column, stride: columns, rows: min(rowsAtATime, rows - first),
                    columns: width, depth: depth, accumulate: accumulate)
            }
        }
    }

    /// Half of a second-level cache.
    private static let cacheFloats = 1 << 17
}
