import Neural

/// What the objective weighs, and over how many rows it is a mean.
struct RecurrentObjective {
    let discount: Float
    let lambda: Float
    let entropyCoefficient: Float
    let valueCoefficient: Float
    /// Rows that the whole update learns from.
    var learntRows = 0
}

/// Sums over the rows that a pass has learnt from.
struct RecurrentSums {
    var policyLoss = 0.0
    var valueLoss = 0.0
    var entropy = 0.0

    static func += (sums: inout Self, other: Self) {
        sums.policyLoss += other.policyLoss
        sums.valueLoss += other.valueLoss
        sums.entropy += other.entropy
    }
}

/// Forward and backward through some sequences of one length, with their returns in between. Belongs to one thread;
/// its memory grows to the largest batch and is then used again.
final class RecurrentPass {
    /// Sequences that go through together.
    static let mostSequences = 32

    private let policy: RecurrentPolicy
    private let lstm: LSTM
    private var arena: LSTMArena?
    private let policies = PolicyBuffers()
    /// (T, B, inputs), (T, B, outputs) twice, (L, B, H) twice.
    private let inputs = GrowingBuffer<Float>()
    private let heads = GrowingBuffer<Float>()
    private let headGradients = GrowingBuffer<Float>()
    private let hidden = GrowingBuffer<Float>()
    private let cells = GrowingBuffer<Float>()

    init(_ policy: RecurrentPolicy) {
        self.policy = policy
        lstm = LSTM(policy.lstm)
    }

    /// Adds the objective's gradient on the sequences with these numbers to `gradients`, and writes the state before the
    /// last row of each to its place in `states`, (all sequences, 2 * layers * H). All are of one length T.
    func run(
        _ numbers: [Int], of rows: TrialSequences, parameters: UnsafePointer<Float>, objective: RecurrentObjective,
        gradients: UnsafeMutablePointer<Float>, states: UnsafeMutablePointer<Float>
    ) -> RecurrentSums {
        let (count, outputs, units) = (numbers.count, policy.outputs, policy.lstm.units)
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
        for (place, number) in numbers.enumerated() {
            sums += addHeadGradients(of: rows.sequences[number], rows, place: place, count: count, objective)
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
        inputs.reserve(steps * most * policy.lstm.inputs)
        heads.reserve(steps * most * policy.outputs)
        headGradients.reserve(steps * most * policy.outputs)
        hidden.reserve(policy.lstm.layers.count * most * policy.lstm.units)
        cells.reserve(policy.lstm.layers.count * most * policy.lstm.units)
        policies.reserve(rows: steps * most, actions: policy.actions)
        if let arena, arena.steps >= steps { return arena }
        let larger = LSTMArena(policy.lstm, steps: steps, sequences: most)
        arena = larger
        return larger
    }

    /// Writes what the network sees, and the states that it begins with.
    private func fillInputs(_ numbers: [Int], of rows: TrialSequences, steps: Int) {
        let (count, width, units) = (numbers.count, policy.lstm.inputs, policy.lstm.units)
        let layers = policy.lstm.layers.count
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
        let (count, units, layers) = (numbers.count, policy.lstm.units, policy.lstm.layers.count)
        for (place, number) in numbers.enumerated() {
            let target = states + number * 2 * layers * units
            for layer in 0..<layers {
                let source = (layer * count + place) * units
                (target + layer * units).update(from: hidden.base + source, count: units)
                (target + (layers + layer) * units).update(from: cells.base + source, count: units)
            }
        }
    }

    /// From a sequence's last row to its first: returns, and with them the gradients with respect to logits and value.
    ///
    /// G_t = r_t + discount * ((1 - lambda) * V_{t+1} + lambda * G_{t+1}) and A_t = G_t - V_t. Behind a trial's end both
    /// V and G are 0; otherwise V of the last row stands for everything that follows the row before. The gradients are
    /// those of `ActorCriticLearner`. An episode's end within a trial is a step like any other.
    private func addHeadGradients(
        of sequence: TrialSequences.Sequence, _ rows: TrialSequences, place: Int, count: Int,
        _ objective: RecurrentObjective
    ) -> RecurrentSums {
        let (actions, outputs) = (policy.actions, policy.outputs)
        let share = 1 / Float(max(1, objective.learntRows))
        var sums = RecurrentSums()
        var nextValue: Float = 0
        var nextReturn: Float = 0
        for step in stride(from: sequence.length - 1, through: 0, by: -1) {
            let slot = step * count + place
            let value = heads.base[slot * outputs + actions]
            if step == sequence.length - 1, !sequence.isWhole {
                nextValue = value
                nextReturn = value
                continue
            }
            let row = rows.rows[sequence.first + step]
            let mixed = (1 - objective.lambda) * nextValue + objective.lambda * nextReturn
            let target = row.reward + objective.discount * mixed
            let advantage = target - value
            let probabilities = policies.probabilities.base + slot * actions
            let logarithms = policies.logProbabilities.base + slot * actions
            let entropy = policies.entropies.base[slot]
            let gradient = headGradients.base + slot * outputs
            for action in 0..<actions {
                let probability = probabilities[action]
                let surprise = probability - (action == Int(row.action) ? 1 : 0)
                gradient[action] =
                    share
                    * (advantage * surprise
                        + objective.entropyCoefficient * probability * (logarithms[action] + entropy))
            }
            gradient[actions] = -share * objective.valueCoefficient * advantage
            sums.policyLoss -= Double(advantage * logarithms[Int(row.action)])
            sums.valueLoss += Double(advantage * advantage) / 2
            sums.entropy += Double(entropy)
            nextValue = value
            nextReturn = target
        }
        return sums
    }
}
