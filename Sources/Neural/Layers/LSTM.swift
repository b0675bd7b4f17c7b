import CKernels

/// Long short-term memory of several layers over a batch of sequences (Hochreiter and Schmidhuber 1997; PyTorch's
/// `nn.LSTM`): c' = f c + i g, h = o tanh(c'), with the input projection of all steps as one product.
///
/// T steps, B sequences, I inputs, H units, L layers. Runs on its caller's thread and allocates nothing; a batch is
/// divided among threads by sequences, each with its own arena.
package struct LSTM: Sendable {
    /// Sizes, and where this network's parameters lie in the flat buffers that the passes are given.
    package let layout: LSTMLayout

    /// Cheap: a layer holds no memory. `LSTMArena` has what the passes leave behind.
    package init(_ layout: LSTMLayout) { self.layout = layout }

    /// Hidden units and cells, (L, B, H) each, or their gradients.
    ///
    /// A view of memory that the caller owns.
    package struct State {
        package let hidden: UnsafeMutablePointer<Float>
        package let cells: UnsafeMutablePointer<Float>

        package init(hidden: UnsafeMutablePointer<Float>, cells: UnsafeMutablePointer<Float>) {
            self.hidden = hidden
            self.cells = cells
        }
    }

    /// What the last layer gave, (T, B, H).
    ///
    /// Valid until the next forward pass in the same arena, and used by `backward`.
    package func output(_ arena: LSTMArena, sequences: Int) -> UnsafeMutablePointer<Float> {
        arena.layers[layout.layers.count - 1].hidden + sequences * layout.units
    }

    /// Where the caller puts the gradient of the output, (T, B, H), before `backward`, which uses it up.
    package func outputGradient(_ arena: LSTMArena) -> UnsafeMutablePointer<Float> { arena.gradients[0] }

    /// Computes the output from x (T, B, I), beginning with `initial`, or with zeros.
    ///
    /// `dropout` falls between the layers: behind layer l, sequence b has its site plus l and its sequence plus b.
    ///
    /// `sequences` may be fewer than the arena has room for. The arena then holds what `backward` needs; a second
    /// forward pass in the same arena overwrites it.
    package func forward(
        _ parameters: UnsafePointer<Float>, _ x: UnsafePointer<Float>, steps: Int, sequences: Int, initial: State?,
        arena: LSTMArena, dropout: Dropout = .none
    ) {
        precondition(steps <= arena.steps && sequences <= arena.sequences)
        let units = layout.units
        let (state, rows) = (sequences * units, steps * sequences)
        var input = x
        for (index, layer) in layout.layers.enumerated() {
            let kept = arena.layers[index]
            Self.begin(kept.hidden, initial.map { UnsafePointer($0.hidden) }, index, state)
            Self.begin(kept.cells, initial.map { UnsafePointer($0.cells) }, index, state)
            Linear.forward(
                input, weight: parameters + layer.inputWeight, into: kept.gates, rows: rows, inputs: layer.inputs,
                outputs: 4 * units)
            for column in 0..<(4 * units) {
                arena.bias[column] = parameters[layer.inputBias + column] + parameters[layer.hiddenBias + column]
            }
            let product = RecurrentProduct(parameters + layer.hiddenWeight, units, arena.panels)
            product.packForward()
            for step in 0..<steps {
                let gates = kept.gates + 4 * step * state
                product.forward(kept.hidden + step * state, addingTo: gates, rows: sequences)
                ck_lstm_forward(
                    gates, arena.bias, kept.cells + step * state, kept.cells + (step + 1) * state,
                    kept.hidden + (step + 1) * state, sequences, units)
            }
            input = hand(on: index, kept, steps, sequences, dropout)
        }
    }

    /// Copies the state after the last step of a forward pass.
    ///
    /// A caller that cuts a long sequence into pieces begins the next piece with it. No gradient flows through the
    /// copy.
    package func copyFinalState(_ arena: LSTMArena, steps: Int, sequences: Int, into final: State) {
        let state = sequences * layout.units
        for (index, kept) in arena.layers.enumerated() {
            (final.hidden + index * state).update(from: kept.hidden + steps * state, count: state)
            (final.cells + index * state).update(from: kept.cells + steps * state, count: state)
        }
    }

    /// Adds to `gradients` (flat, like the parameters) what `outputGradient` and `finalGradient` ask for, and writes
    /// the gradients of x (T, B, I) and of the initial state where they are wanted. Follows `forward` with the same x,
    /// sizes and dropout.
    ///
    /// A nil `inputGradient` saves the first layer's product. `finalGradient` is what a later piece of the same
    /// sequence gave back as its `initialGradient`.
    package func backward(
        _ parameters: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>,
        steps: Int, sequences: Int, arena: LSTMArena, finalGradient: State? = nil,
        inputGradient: UnsafeMutablePointer<Float>? = nil, initialGradient: State? = nil, dropout: Dropout = .none
    ) {
        let units = layout.units
        let rows = steps * sequences
        var (above, below) = (arena.gradients[0], arena.gradients[1])
        for index in layout.layers.indices.reversed() {
            let layer = layout.layers[index]
            let kept = arena.layers[index]
            through(
                parameters + layer.hiddenWeight, kept, above, index, steps, sequences, arena, finalGradient,
                initialGradient)
            let input = index == 0 ? x : UnsafePointer(self.input(of: index, arena, sequences, dropout))
            Linear.weightGradient(
                kept.gates, input, into: gradients + layer.inputWeight, rows: rows, inputs: layer.inputs,
                outputs: 4 * units)
            Linear.weightGradient(
                kept.gates, kept.hidden, into: gradients + layer.hiddenWeight, rows: rows, inputs: units,
                outputs: 4 * units)
            Linear.biasGradient(kept.gates, into: gradients + layer.inputBias, rows: rows, outputs: 4 * units)
            Linear.biasGradient(kept.gates, into: gradients + layer.hiddenBias, rows: rows, outputs: 4 * units)
            guard let target = index == 0 ? inputGradient : below else { continue }
            Linear.inputGradient(
                kept.gates, weight: parameters + layer.inputWeight, into: target, rows: rows, inputs: layer.inputs,
                outputs: 4 * units)
            if index > 0 { drop(target, behind: index - 1, steps, sequences, dropout) }
            swap(&above, &below)
        }
    }

    /// Back through the steps of one layer: `dhidden` (T, B, H) collects, the gates become their gradients.
    ///
    /// The gates of all steps hold their gradients afterwards, and the weights' gradients follow from them as one
    /// product each.
    private func through(
        _ weight: UnsafePointer<Float>, _ kept: LSTMArena.Layer, _ dhidden: UnsafeMutablePointer<Float>, _ index: Int,
        _ steps: Int, _ sequences: Int, _ arena: LSTMArena, _ finalGradient: State?, _ initialGradient: State?
    ) {
        let state = sequences * layout.units
        let dcells = arena.cellGradient
        Self.begin(dcells, finalGradient.map { UnsafePointer($0.cells) }, index, state)
        if let finalGradient {
            let last = dhidden + (steps - 1) * state
            for element in 0..<state { last[element] += finalGradient.hidden[index * state + element] }
        }
        let product = RecurrentProduct(weight, layout.units, arena.panels)
        product.packBackward()
        for step in stride(from: steps - 1, through: 0, by: -1) {
            let gates = kept.gates + 4 * step * state
            ck_lstm_backward(
                gates, kept.cells + step * state, kept.cells + (step + 1) * state, dhidden + step * state, dcells,
                sequences, layout.units)
            if step > 0 {
                product.backward(gates, addingTo: dhidden + (step - 1) * state, rows: sequences)
            } else if let initialGradient {
                let first = initialGradient.hidden + index * state
                first.update(repeating: 0, count: state)
                product.backward(gates, addingTo: first, rows: sequences)
                (initialGradient.cells + index * state).update(from: dcells, count: state)
            }
        }
    }

    /// What layer `index` + 1 is given: the hidden units, or a copy of them with dropout.
    private func hand(
        on index: Int, _ kept: LSTMArena.Layer, _ steps: Int, _ sequences: Int, _ dropout: Dropout
    ) -> UnsafePointer<Float> {
        let state = sequences * layout.units
        guard dropout.drops, index + 1 < layout.layers.count else { return UnsafePointer(kept.hidden + state) }
        kept.dropped.update(from: kept.hidden + state, count: steps * state)
        drop(kept.dropped, behind: index, steps, sequences, dropout)
        return UnsafePointer(kept.dropped)
    }

    /// What layer `index` was given in the forward pass, from the memory of the layer below.
    private func input(
        of index: Int, _ arena: LSTMArena, _ sequences: Int, _ dropout: Dropout
    ) -> UnsafeMutablePointer<Float> {
        let below = arena.layers[index - 1]
        return dropout.drops ? below.dropped : below.hidden + sequences * layout.units
    }

    /// Each sequence of x (T, B, H) has a mask of its own, (T, H), so that a batch may be cut anywhere.
    private func drop(
        _ x: UnsafeMutablePointer<Float>, behind index: Int, _ steps: Int, _ sequences: Int, _ dropout: Dropout
    ) {
        guard dropout.drops else { return }
        for sequence in 0..<sequences {
            dropout.offset(site: UInt32(index), sequence: UInt32(sequence)).apply(
                x + sequence * layout.units, rows: steps, width: layout.units, stride: sequences * layout.units)
        }
    }

    /// Layer `index`'s part of a state (L, B, H), or zeros without one.
    private static func begin(
        _ target: UnsafeMutablePointer<Float>, _ states: UnsafePointer<Float>?, _ index: Int, _ count: Int
    ) {
        if let states {
            target.update(from: states + index * count, count: count)
        } else {
            target.update(repeating: 0, count: count)
        }
    }
}

/// The products with the recurrent weight W (4H, H), the same at every step: W is brought into the order in which our
/// kernel reads it once a pass, where BLAS would do it at every step. Widths that the kernel does not take go to BLAS.
private struct RecurrentProduct {
    private let weight: UnsafePointer<Float>
    private let units: Int
    private let panels: UnsafeMutablePointer<Float>
    private static let panelWidth = 64

    /// `panels` is the arena's, (4H, H); both packings use it, one after the other.
    init(_ weight: UnsafePointer<Float>, _ units: Int, _ panels: UnsafeMutablePointer<Float>) {
        self.weight = weight
        self.units = units
        self.panels = panels
    }

    /// The kernel's columns come in multiples of 16, a cache line of floats.
    private var usesPanels: Bool { units % 16 == 0 }

    /// Panels of W^T, (H, 64) each.
    func packForward() {
        guard usesPanels else { return }
        for row in stride(from: 0, to: 4 * units, by: Self.panelWidth) {
            Product.transpose(
                weight + row * units, into: panels + row * units, rows: Self.panelWidth, columns: units)
        }
    }

    /// gates (rows, 4H) += hidden (rows, H) W^T.
    func forward(_ hidden: UnsafePointer<Float>, addingTo gates: UnsafeMutablePointer<Float>, rows: Int) {
        guard usesPanels else {
            return Linear.forward(
                hidden, weight: weight, into: gates, rows: rows, inputs: units, outputs: 4 * units, accumulate: true)
        }
        for column in stride(from: 0, to: 4 * units, by: Self.panelWidth) {
            Product.plain(
                hidden, stride: units, panels + column * units, stride: Self.panelWidth, into: gates + column,
                stride: 4 * units, rows: rows, columns: Self.panelWidth, depth: units, accumulate: true)
        }
    }

    /// Panels of W, (4H, 64) each; the last may be narrower.
    func packBackward() {
        guard usesPanels else { return }
        for column in stride(from: 0, to: units, by: Self.panelWidth) {
            let width = min(Self.panelWidth, units - column)
            for row in 0..<(4 * units) {
                (panels + 4 * units * column + row * width).update(from: weight + row * units + column, count: width)
            }
        }
    }

    /// dhidden (rows, H) += dgates (rows, 4H) W.
    func backward(_ dgates: UnsafePointer<Float>, addingTo dhidden: UnsafeMutablePointer<Float>, rows: Int) {
        guard usesPanels else {
            return Linear.inputGradient(
                dgates, weight: weight, into: dhidden, rows: rows, inputs: units, outputs: 4 * units, accumulate: true)
        }
        for column in stride(from: 0, to: units, by: Self.panelWidth) {
            let width = min(Self.panelWidth, units - column)
            Product.plain(
                dgates, stride: 4 * units, panels + 4 * units * column, stride: width, into: dhidden + column,
                stride: units, rows: rows, columns: width, depth: 4 * units, accumulate: true)
        }
    }
}
