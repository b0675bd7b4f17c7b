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

/// One worker's way through some sequences, forward and backward, with their returns in between.
protocol MemoryPass: AnyObject {
    /// Adds the objective's gradient on the sequences with these numbers to `gradients`, and writes what is to be kept of
    /// each before its last row to its place in `states`, (all sequences, `RecurrentPolicy.stateWidth`). All are of one
    /// length.
    func run(
        _ numbers: [Int], of rows: TrialSequences, parameters: UnsafePointer<Float>, objective: RecurrentObjective,
        gradients: UnsafeMutablePointer<Float>, states: UnsafeMutablePointer<Float>
    ) -> RecurrentSums
}

/// What the heads have said of each row: (rows, outputs), and the policies of the same rows.
struct HeadOutputs {
    let policy: RecurrentPolicy
    let heads: UnsafePointer<Float>
    let policies: PolicyBuffers
}

extension RecurrentObjective {
    /// From a sequence's last row to its first: returns, and with them the gradients with respect to logits and value,
    /// (rows, outputs). `slot`: where the row of a step stands.
    ///
    /// G_t = r_t + discount * ((1 - lambda) * V_{t+1} + lambda * G_{t+1}) and A_t = G_t - V_t. Behind a trial's end both
    /// V and G are 0; otherwise V of the last row stands for everything that follows the row before. The gradients are
    /// those of `ActorCriticLearner`. An episode's end within a trial is a step like any other.
    func addGradients(
        of sequence: TrialSequences.Sequence, _ rows: TrialSequences, _ said: HeadOutputs,
        into gradients: UnsafeMutablePointer<Float>, slot: (_ step: Int) -> Int
    ) -> RecurrentSums {
        let (actions, outputs) = (said.policy.actions, said.policy.outputs)
        let share = 1 / Float(max(1, learntRows))
        var sums = RecurrentSums()
        var nextValue: Float = 0
        var nextReturn: Float = 0
        for step in stride(from: sequence.length - 1, through: 0, by: -1) {
            let slot = slot(step)
            let value = said.heads[slot * outputs + actions]
            if step == sequence.length - 1, !sequence.isWhole {
                nextValue = value
                nextReturn = value
                continue
            }
            let row = rows.rows[sequence.first + step]
            let mixed = (1 - lambda) * nextValue + lambda * nextReturn
            let target = row.reward + discount * mixed
            let advantage = target - value
            let probabilities = said.policies.probabilities.base + slot * actions
            let logarithms = said.policies.logProbabilities.base + slot * actions
            let entropy = said.policies.entropies.base[slot]
            let gradient = gradients + slot * outputs
            for action in 0..<actions {
                let probability = probabilities[action]
                let surprise = probability - (action == Int(row.action) ? 1 : 0)
                gradient[action] =
                    share * (advantage * surprise + entropyCoefficient * probability * (logarithms[action] + entropy))
            }
            gradient[actions] = -share * valueCoefficient * advantage
            sums.policyLoss -= Double(advantage * logarithms[Int(row.action)])
            sums.valueLoss += Double(advantage * advantage) / 2
            sums.entropy += Double(entropy)
            nextValue = value
            nextReturn = target
        }
        return sums
    }
}
