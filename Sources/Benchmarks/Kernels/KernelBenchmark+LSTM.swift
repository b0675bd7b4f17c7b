import Neural

extension KernelBenchmark {
    /// One layer over a batch of sequences, forward alone and with its backward pass. Its work is that of its products:
    /// the input's and the recurrent one, and both gradients of each.
    static var recurrent: [Case] {
        [recurrent(isBackward: false), recurrent(isBackward: true), recurrentActing, recurrentUpdate]
    }

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

    /// A recurrent actor-critic: 2 layers of 256 units over 32 inputs, as many as the observation of a room, the previous
    /// action, its reward and the mark of an episode's begin need, and a linear head for 5 actions and a value.
    private struct RecurrentPolicy {
        static let actors = 256
        static let (inputs, units, layers, heads) = (32, 256, 2, 6)
        static let configuration: [String: BenchmarkResult.Setting] = [
            "actors": .init(actors), "inputs": .init(inputs), "units": .init(units), "layers": .init(layers),
        ]
        /// Of a forward pass of all actors, one step.
        static let operations = 2 * actors * (4 * units * (inputs + 3 * units) + units * heads)

        let lstm: LSTM
        let head: Int
        let headBias: Int
        let parameters: FloatBuffer

        init() {
            var layout = ParameterLayout()
            lstm = LSTM(
                LSTMLayout(inputs: Self.inputs, units: Self.units, layers: Self.layers, addingTo: &layout))
            head = layout.add("head.weight", [Self.heads, Self.units])
            headBias = layout.add("head.bias", [Self.heads])
            parameters = noise(layout.count)
            // As small as those of a network that is trained.
            for index in 0..<layout.count { parameters.start[index] *= 0.1 }
        }

        /// Heads (rows, 6) of units (rows, 256).
        func heads(_ units: UnsafePointer<Float>, into heads: UnsafeMutablePointer<Float>, rows: Int) {
            Linear.forward(
                units, weight: parameters.start + head, into: heads, rows: rows, inputs: Self.units,
                outputs: Self.heads)
            Linear.addBias(parameters.start + headBias, to: heads, rows: rows, outputs: Self.heads)
        }
    }

    /// One step of 256 actors, whose states go on. The weights are packed once, as for each version of a policy.
    private static var recurrentActing: Case {
        typealias Policy = RecurrentPolicy
        return Case("lstm-acting", Policy.configuration, operations: Policy.operations) {
            let policy = Policy()
            let weights = LSTMWeights(policy.lstm.layout, training: false)
            weights.pack(policy.parameters.start)
            let width = Policy.actors * Policy.units
            let (hidden, cells) = (FloatBuffer(Policy.layers * width), FloatBuffer(Policy.layers * width))
            let (x, scratch) = (noise(Policy.actors * Policy.inputs), FloatBuffer(width))
            let heads = FloatBuffer(Policy.actors * Policy.heads)
            return {
                let units = policy.lstm.step(
                    weights, x.start, sequences: Policy.actors,
                    state: LSTM.State(hidden: hidden.start, cells: cells.start), scratch: scratch.start)
                policy.heads(units, into: heads.start, rows: Policy.actors)
            }
        }
    }

    /// A step of learning from 256 actors' rollouts of 20 steps: forward, backward and Adam. The gradient of the heads is
    /// given, since what asks for it is another matter.
    private static var recurrentUpdate: Case {
        typealias Policy = RecurrentPolicy
        let steps = 20
        let configuration = Policy.configuration.merging(["steps": .init(steps)]) { $1 }
        return Case("lstm-update", configuration, operations: 3 * steps * Policy.operations) {
            let (policy, rows) = (Policy(), steps * Policy.actors)
            let lstm = policy.lstm
            let arena = LSTMArena(lstm.layout, steps: steps, sequences: Policy.actors)
            let count = policy.parameters.count
            let (gradients, first, second) = (FloatBuffer(count), FloatBuffer(count), FloatBuffer(count))
            let x = noise(rows * Policy.inputs)
            let (heads, headGradient) = (FloatBuffer(rows * Policy.heads), noise(rows * Policy.heads))
            let adam = Adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-8)
            return {
                lstm.forward(
                    policy.parameters.start, x.start, steps: steps, sequences: Policy.actors, initial: nil,
                    arena: arena)
                let output = lstm.output(arena, sequences: Policy.actors)
                policy.heads(output, into: heads.start, rows: rows)
                Linear.weightGradient(
                    headGradient.start, output, into: gradients.start + policy.head, rows: rows, inputs: Policy.units,
                    outputs: Policy.heads)
                Linear.biasGradient(
                    headGradient.start, into: gradients.start + policy.headBias, rows: rows, outputs: Policy.heads)
                Linear.inputGradient(
                    headGradient.start, weight: policy.parameters.start + policy.head,
                    into: lstm.outputGradient(arena), rows: rows, inputs: Policy.units, outputs: Policy.heads)
                lstm.backward(
                    policy.parameters.start, gradients: gradients.start, x.start, steps: steps,
                    sequences: Policy.actors, arena: arena)
                adam.update(
                    policy.parameters, gradient: gradients, first: first, second: second, range: 0..<count, step: 100,
                    rate: 1e-6)
            }
        }
    }
}
