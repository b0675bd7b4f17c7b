import Neural

/// Forward and backward through some sequences of one length, with their returns in between. Belongs to one thread;
/// its memory grows to the largest batch and is then used again.
final class RecurrentPass: MemoryPass {
    /// Sequences that go through together.
    static let mostSequences = 32

    private let policy: RecurrentPolicy
    private let layout: LSTMLayout
    private let lstm: LSTM
    private var arena: LSTMArena?
    private let policies = PolicyBuffers()
    /// (T, B, inputs), (T, B, outputs) twice, (L, B, H) twice.
    private let inputs = GrowingBuffer<Float>()
    private let heads = GrowingBuffer<Float>()
    private let headGradients = GrowingBuffer<Float>()
    private let hidden = GrowingBuffer<Float>()
    private let cells = GrowingBuffer<Float>()

    init(_ policy: RecurrentPolicy, _ layout: LSTMLayout) {
        self.policy = policy
        self.layout = layout
        lstm = LSTM(layout)
    }

    /// Adds the objective's gradient on the sequences with these numbers to `gradients`, and writes the state before the
    /// last row of each to its place in `states`, (all sequences, 2 * layers * H). All are of one length T.
    func run(
        _ numbers: [Int], of rows: TrialSequences, parameters: UnsafePointer<Float>, objective: RecurrentObjective,
        gradients: UnsafeMutablePointer<Float>, states: UnsafeMutablePointer<Float>
    ) -> RecurrentSums {
        let (count, outputs, units) = (numbers.count, policy.outputs, layout.units)
        let steps = rows.sequences[numbers[0]].length
        let arena = reserve(steps: steps)
        fillInputs(numbers, of: rows, steps: steps)
        let state = LSTM.State(hidden: hidden.base, cells: cells.base)
        lstm.forward(parameters, inputs.base, steps: steps, sequences: count, initial: state, arena: arena)
        let output = lstm.output(arena, sequences: count)
        let all = steps * count
        Linear.forward(
            output, weight: parameters + policy.headWeight, into: heads.base, rows: all, inputs: units,
            outputs: outputs)
        Linear.addBias(parameters + policy.headBias, to: heads.base, rows: all, outputs: outputs)
        policies.fill(from: heads.base, headWidth: outputs, rows: all, actions: policy.actions)
        lstm.copyFinalState(arena, steps: steps - 1, sequences: count, into: state)
        writeStates(numbers, to: states)
        headGradients.base.update(repeating: 0, count: all * outputs)
        var sums = RecurrentSums()
        let said = HeadOutputs(policy: policy, heads: heads.base, policies: policies)
        for (place, number) in numbers.enumerated() {
            sums += objective.addGradients(of: rows.sequences[number], rows, said, into: headGradients.base) {
                $0 * count + place
            }
        }
        Linear.inputGradient(
            headGradients.base, weight: parameters + policy.headWeight, into: lstm.outputGradient(arena), rows: all,
            inputs: units, outputs: outputs)
        Linear.weightGradient(
            headGradients.base, output, into: gradients + policy.headWeight, rows: all, inputs: units,
            outputs: outputs)
        Linear.biasGradient(headGradients.base, into: gradients + policy.headBias, rows: all, outputs: outputs)
        lstm.backward(
            parameters, gradients: gradients, inputs.base, steps: steps, sequences: count, arena: arena)
        return sums
    }

    private func reserve(steps: Int) -> LSTMArena {
        let most = Self.mostSequences
        inputs.reserve(steps * most * layout.inputs)
        heads.reserve(steps * most * policy.outputs)
        headGradients.reserve(steps * most * policy.outputs)
        hidden.reserve(layout.layers.count * most * layout.units)
        cells.reserve(layout.layers.count * most * layout.units)
        policies.reserve(rows: steps * most, actions: policy.actions)
        if let arena, arena.steps >= steps { return arena }
        let larger = LSTMArena(layout, steps: steps, sequences: most)
        arena = larger
        return larger
    }

    /// Writes what the network sees, and the states that it begins with.
    private func fillInputs(_ numbers: [Int], of rows: TrialSequences, steps: Int) {
        let (count, width, units) = (numbers.count, layout.inputs, layout.units)
        let layers = layout.layers.count
        inputs.base.update(repeating: 0, count: steps * count * width)
        hidden.base.update(repeating: 0, count: layers * count * units)
        cells.base.update(repeating: 0, count: layers * count * units)
        for (place, number) in numbers.enumerated() {
            let sequence = rows.sequences[number]
            for step in 0..<steps {
                let row = sequence.first + step
                let target = inputs.base + (step * count + place) * width
                for component in 0..<policy.components {
                    target[Int(rows.components[row * policy.components + component])] = 1
                }
                target[width - 1] = rows.rows[row].previousReward
            }
            guard !sequence.initial.isEmpty else { continue }
            for layer in 0..<layers {
                for unit in 0..<units {
                    hidden.base[(layer * count + place) * units + unit] = sequence.initial[layer * units + unit]
                    cells.base[(layer * count + place) * units + unit] =
                        sequence.initial[(layers + layer) * units + unit]
                }
            }
        }
    }

    /// Copies `hidden` and `cells` to where each sequence's state belongs.
    private func writeStates(_ numbers: [Int], to states: UnsafeMutablePointer<Float>) {
        let (count, units, layers) = (numbers.count, layout.units, layout.layers.count)
        for (place, number) in numbers.enumerated() {
            let target = states + number * 2 * layers * units
            for layer in 0..<layers {
                let source = (layer * count + place) * units
                (target + layer * units).update(from: hidden.base + source, count: units)
                (target + (layers + layer) * units).update(from: cells.base + source, count: units)
            }
        }
    }
}
