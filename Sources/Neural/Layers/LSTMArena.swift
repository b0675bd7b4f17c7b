/// Memory in which an LSTM runs forward and backward; allocated once. T steps, B sequences, H units; all arrays are
/// time-major, (T, B, ...), so that one step of all sequences is one matrix.
package final class LSTMArena {
    /// What a layer keeps for its backward pass.
    struct Layer {
        /// (T, B, 4H): the activated gates, then the gradients of their sums.
        let gates: UnsafeMutablePointer<Float>
        /// (T + 1, B, H) each, the initial state first.
        let cells: UnsafeMutablePointer<Float>
        let hidden: UnsafeMutablePointer<Float>
        /// (T, B, H) the hidden units after the dropout behind this layer.
        let dropped: UnsafeMutablePointer<Float>
    }

    /// The largest number of steps, T, that fits.
    package let steps: Int
    /// The largest number of sequences, B, that fits.
    package let sequences: Int
    /// By layer, the lowest first.
    let layers: [Layer]
    /// (T, B, H) twice: gradient of a layer's output and of its input, in turn.
    let gradients: [UnsafeMutablePointer<Float>]
    /// (B, H): the gradient of the cells, which the backward pass carries from step to step.
    let cellGradient: UnsafeMutablePointer<Float>
    /// For passes that are given no packed weights.
    private let weights: LSTMWeights?
    /// Owns everything that the pointers above point into.
    private let memory: FloatBuffer

    /// For reports of what a run or a benchmark needs.
    package var byteCount: Int { memory.count * 4 + (weights?.byteCount ?? 0) }

    /// Memory for at most `steps` steps of at most `sequences` sequences. `packsWeights`: whether there are passes that
    /// are given no packed weights.
    package init(_ layout: LSTMLayout, steps: Int, sequences: Int, packsWeights: Bool = true) {
        precondition(steps > 0 && sequences > 0)
        let units = layout.units
        let (state, all) = (sequences * units, steps * sequences * units)
        let ofLayer = [4 * all, all + state, all + state, all]
        let shared = [all, all, state]
        var arena = FloatArena(layout.layers.flatMap { _ in ofLayer } + shared)
        self.steps = steps
        self.sequences = sequences
        memory = arena.memory
        layers = layout.layers.map { _ in
            Layer(
                gates: arena.take(ofLayer[0]), cells: arena.take(ofLayer[1]), hidden: arena.take(ofLayer[2]),
                dropped: arena.take(ofLayer[3]))
        }
        gradients = [arena.take(shared[0]), arena.take(shared[1])]
        cellGradient = arena.take(shared[2])
        weights = packsWeights ? LSTMWeights(layout, training: true) : nil
    }

    /// The arena's own copy of the weights, which takes over what one direction of a pass reads.
    func packed(_ parameters: UnsafePointer<Float>, backward: Bool) -> LSTMWeights {
        guard let weights else { preconditionFailure("an arena without weights, and a pass that is given none") }
        weights.pack(parameters, backward: backward)
        return weights
    }
}
