import CKernels

/// Long short-term memory of several layers over a batch of sequences (Hochreiter and Schmidhuber 1997; PyTorch's
/// `nn.LSTM`): c' = f c + i g, h = o tanh(c'). A step's products and what follows from the gates are one kernel.
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

    /// Sequences with which a step's product with W_ih is best made with the others; of fewer, all steps together are
    /// more rows to every weight that is read.
    private static let fewSequences = 6

    /// Computes the output from x (T, B, I), beginning with `initial`, or with zeros.
    ///
    /// `dropout` falls between the layers: behind layer l, sequence b has its site plus l and its sequence plus b.
    ///
    /// `sequences` may be fewer than the arena has room for. The arena then holds what `backward` needs; a second
    /// forward pass in the same arena overwrites it. `weights`: the parameters, packed by the caller; without them the
    /// pass packs its arena's.
    package func forward(
        _ parameters: UnsafePointer<Float>, _ x: UnsafePointer<Float>, steps: Int, sequences: Int, initial: State?,
        arena: LSTMArena, dropout: Dropout = .none, weights given: LSTMWeights? = nil
    ) {
        precondition(steps <= arena.steps && sequences <= arena.sequences)
        let state = sequences * layout.units
        let weights = given ?? arena.packed(parameters, backward: false)
        var input = x
        for (index, layer) in layout.layers.enumerated() {
            let kept = arena.layers[index]
            var packed = weights.forward(index)
            Self.begin(kept.hidden, initial.map { UnsafePointer($0.hidden) }, index, state)
            Self.begin(kept.cells, initial.map { UnsafePointer($0.cells) }, index, state)
            let together = sequences < Self.fewSequences
            if together { ck_lstm_project(&packed, input, kept.gates, steps * sequences) }
            for step in 0..<steps {
                ck_lstm_step(
                    &packed, together ? nil : input + step * sequences * layer.inputs, kept.hidden + step * state,
                    kept.cells + step * state, kept.gates + 4 * step * state, kept.cells + (step + 1) * state,
                    kept.hidden + (step + 1) * state, sequences)
            }
            input = hand(on: index, kept, steps, sequences, dropout)
        }
    }

    /// One step of every sequence, without anything kept for a backward pass: `state` becomes that after x (B, I).
    /// Returns what the last layer gave, (B, H), which lies in the state. The bits are those of `forward`, whatever the
    /// number of sequences. `scratch`: (B, H).
    @discardableResult
    package func step(
        _ weights: LSTMWeights, _ x: UnsafePointer<Float>, sequences: Int, state: State,
        scratch: UnsafeMutablePointer<Float>
    ) -> UnsafeMutablePointer<Float> {
        let count = sequences * layout.units
        var (input, output) = (x, state.hidden)
        for index in layout.layers.indices {
            var packed = weights.forward(index)
            let cells = state.cells + index * count
            output = state.hidden + index * count
            ck_lstm_step(&packed, input, output, cells, nil, cells, scratch, sequences)
            // Every unit reads all units of before.
            output.update(from: scratch, count: count)
            input = UnsafePointer(output)
        }
        return output
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
    /// sequence gave back as its `initialGradient`. `weights`: those that the forward pass was given, packed for training.
    package func backward(
        _ parameters: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>,
        steps: Int, sequences: Int, arena: LSTMArena, finalGradient: State? = nil,
        inputGradient: UnsafeMutablePointer<Float>? = nil, initialGradient: State? = nil, dropout: Dropout = .none,
        weights given: LSTMWeights? = nil
    ) {
        let weights = given ?? arena.packed(parameters, backward: true)
        let units = layout.units
        let rows = steps * sequences
        var (above, below) = (arena.gradients[0], arena.gradients[1])
        for index in layout.layers.indices.reversed() {
            let layer = layout.layers[index]
            let kept = arena.layers[index]
            through(weights, kept, above, index, steps, sequences, arena, finalGradient, initialGradient)
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
            weights.inputGradient(index, kept.gates, into: target, rows: rows)
            if index > 0 { drop(target, behind: index - 1, steps, sequences, dropout) }
            swap(&above, &below)
        }
    }

    /// Back through the steps of one layer: `dhidden` (T, B, H) collects, the gates become their gradients.
    ///
    /// The gates of all steps hold their gradients afterwards, and the weights' gradients follow from them as one
    /// product each.
    private func through(
        _ weights: LSTMWeights, _ kept: LSTMArena.Layer, _ dhidden: UnsafeMutablePointer<Float>, _ index: Int,
        _ steps: Int, _ sequences: Int, _ arena: LSTMArena, _ finalGradient: State?, _ initialGradient: State?
    ) {
        let state = sequences * layout.units
        let dcells = arena.cellGradient
        Self.begin(dcells, finalGradient.map { UnsafePointer($0.cells) }, index, state)
        if let finalGradient {
            let last = dhidden + (steps - 1) * state
            for element in 0..<state { last[element] += finalGradient.hidden[index * state + element] }
        }
        for step in stride(from: steps - 1, through: 0, by: -1) {
            let gates = kept.gates + 4 * step * state
            ck_lstm_backward(
                gates, kept.cells + step * state, kept.cells + (step + 1) * state, dhidden + step * state, dcells,
                sequences, layout.units)
            if step > 0 {
                weights.hiddenGradient(index, gates, addingTo: dhidden + (step - 1) * state, rows: sequences)
            } else if let initialGradient {
                let first = initialGradient.hidden + index * state
                first.update(repeating: 0, count: state)
                weights.hiddenGradient(index, gates, addingTo: first, rows: sequences)
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
