import Neural

extension KernelBenchmark {
    /// One layer over a batch of sequences, forward alone and with its backward pass. Its work is that of its products:
    /// the input's and the recurrent one, and both gradients of each.
    static var recurrent: [Case] { [recurrent(isBackward: false), recurrent(isBackward: true)] }

    /// 32 sequences of 100 steps, 256 inputs and 256 units. A step of a sequence multiplies by weights of (4 * units,
    /// inputs + units), since an LSTM has four gates; the backward pass does twice the work of the forward pass.
    private static func recurrent(isBackward: Bool) -> Case {
        let (steps, sequences, inputs, units) = (100, 32, 256, 256)
        let forward = 2 * steps * sequences * 4 * units * (inputs + units)
        return Case(
            isBackward ? "lstm-training" : "lstm-forward",
            [
                "steps": .init(steps), "sequences": .init(sequences), "inputs": .init(inputs),
                "units": .init(units),
            ], operations: (isBackward ? 3 : 1) * forward
        ) {
            var parameters = ParameterLayout()
            let layer = LSTM(LSTMLayout(inputs: inputs, units: units, layers: 1, addingTo: &parameters))
            let arena = LSTMArena(layer.layout, steps: steps, sequences: sequences)
            let (weights, gradients) = (noise(parameters.count), FloatBuffer(parameters.count))
            let (x, dx) = (noise(steps * sequences * inputs), FloatBuffer(steps * sequences * inputs))
            let dOutput = noise(steps * sequences * units)
            return {
                layer.forward(
                    weights.start, x.start, steps: steps, sequences: sequences, initial: nil, arena: arena)
                guard isBackward else { return }
                layer.outputGradient(arena).update(from: dOutput.start, count: dOutput.count)
                layer.backward(
                    weights.start, gradients: gradients.start, x.start, steps: steps, sequences: sequences,
                    arena: arena, inputGradient: dx.start)
            }
        }
    }
}
