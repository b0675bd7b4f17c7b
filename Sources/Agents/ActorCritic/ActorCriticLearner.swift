package import Environments
package import Experience
import Neural

/// Advantage actor-critic on lambda-returns (paper, Table 4: A3C).
///
/// Over all rows n learnt from, with the advantage A = G - V held constant, the objective is the mean of -A log pi(a|o)
/// - entropyCoefficient * H(pi(.|o)) + valueCoefficient / 2 * (G - V(o))^2. One Adam step an update, after clipping the
/// gradient's norm. The policy and the value share all hidden layers.
///
/// The last row of a rollout that ends in mid-episode is learnt from with the actor's next rollout, which shows what
/// the row's action led to: no reward is lost at a rollout's edge. Its action is then that of a policy one update
/// older.
package final class ActorCriticLearner: SourceLearner {
    package private(set) var version: UInt64 = 0
    let settings: ActorCriticSettings
    let shape: PerceptronShape
    /// Actions that the policy chooses from: the first heads are their logits, and one is the value.
    let actions: Int
    /// Its steps are the updates that had a row to learn from.
    let trained: TrainedParameters
    let rows: RolloutRowsInOrder
    /// Of the rows of an update.
    let slots: ObservationSlots
    private let network: PerceptronNetwork
    /// (slots) of the update at work.
    private let policy = PolicyBuffers()
    /// What actors load; nil where they load the parameters.
    private let table: PolicyTable?
    /// (slots, headWidth): of the objective with respect to logits and value.
    private let headGradients = GrowingBuffer<Float>()

    /// `sharesEqualObservations` off computes every row by itself, for comparison. Throws `SourceAlgorithmError` for
    /// settings or spaces that the algorithm cannot take.
    package init(
        settings: ActorCriticSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int,
        sharesEqualObservations: Bool = true
    ) throws {
        let environment = scene.environment
        self.settings = settings
        let policy = try settings.makePolicy(environment: environment)
        shape = policy.shape
        actions = policy.actions
        network = policy.makeNetwork()
        table = PolicyTable(policy)
        slots = ObservationSlots(policy.observation, sharesEqual: sharesEqualObservations)
        rows = RolloutRowsInOrder(
            slots: slots, layout: environment.rolloutLayout, view: scene.view, actions: actions,
            keepsFinalObservations: settings.bootstrapsTruncation)
        let generator = Philox(StreamKey(seed: seed, task: task, repetition: repetition, actor: 0))
        let scale = Float(settings.policyHeadScale)
        trained = TrainedParameters(
            policy.initialParameters(generator) { $0 < policy.actions ? scale : 1 },
            optimiser: Adam(beta1: settings.adamBeta1, beta2: settings.adamBeta2, epsilon: settings.adamEpsilon),
            learningRate: settings.learningRate, clip: settings.gradientClip)
    }

    package var onProgress: (() -> Void)? {
        get { network.onProgress }
        set { network.onProgress = newValue }
    }

    package func withActingParameters<Result>(
        _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        guard let table else { return try withParameters(body) }
        return try body(table.fill(from: network, parameters: trained.weights.start))
    }

    /// Lends the network's flat parameters.
    package func withParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try trained.withValues(body)
    }

    /// A copy of the network's flat parameters.
    package var parameters: [Float] { withParameters { Array($0) } }

    package func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int { waiting.ofWholeRound }

    package func update(_ batches: [RolloutBatch]) throws -> UpdateReport {
        var report = try accumulateGradient(batches)
        rows.keepCutRows()
        version += 1
        report.version = version
        guard report.learntRows > 0 else { return report }
        guard trained.step(gradientNorm: report.measures[.gradientNorm] ?? 0) else {
            return report.diverged
        }
        return report
    }

    /// The gradient of the objective (parameterCount) on `batches`, before clipping; changes neither parameters nor
    /// version. For comparison with finite differences and with references. Throws as `update` does.
    package func gradient(_ batches: [RolloutBatch]) throws -> (values: [Float], report: UpdateReport) {
        let report = try accumulateGradient(batches)
        return (trained.takeGradient(), report)
    }

    /// Leaves the gradient in `trained`. In order: rows into slots, forward, the returns of all rows, the gradients of the
    /// heads, backward.
    private func accumulateGradient(_ batches: [RolloutBatch]) throws -> UpdateReport {
        try rows.arrange(batches)
        let count = slots.count
        var report = UpdateReport(version: version)
        report.rows = rows.arrivedCount
        report.cutRows = rows.abandonedCount
        guard count > 0 else { return report }
        network.forward(parameters: trained.weights.start, components: slots.components, rows: count)
        policy.reserve(rows: count, actions: actions)
        policy.fill(from: network.heads, headWidth: shape.headWidth, rows: count, actions: actions)
        rows.computeReturns(
            heads: network.heads, headWidth: shape.headWidth, discount: Float(settings.discount),
            lambda: Float(settings.lambda))
        report.learntRows = rows.learntCount
        guard rows.learntCount > 0 else { return report }
        headGradients.reserve(count * shape.headWidth)
        headGradients.base.update(repeating: 0, count: count * shape.headWidth)
        addHeadGradients(to: &report)
        network.backward(
            parameters: trained.weights.start, components: slots.components, rows: count,
            headGradients: headGradients.base, gradients: trained.gradients.start)
        report.measures[.gradientNorm] = norm(of: trained.gradients)
        return report
    }

    /// Adds every row's gradient with respect to its logits and its value to its slot, in the rows' order, which makes
    /// the sums the same to the bit whatever batches the rows came in.
    ///
    /// With p = pi(.|o), L = log p and H the entropy, of the mean over n rows: logits get (A * (p - onehot(a)) +
    /// entropyCoefficient * p * (L + H)) / n, the value gets -valueCoefficient * A / n.
    private func addHeadGradients(to report: inout UpdateReport) {
        let share = 1 / Float(rows.learntCount)
        let entropyCoefficient = Float(settings.entropyCoefficient)
        let valueCoefficient = Float(settings.valueCoefficient)
        var policyLoss = 0.0
        var valueLoss = 0.0
        var entropySum = 0.0
        for row in 0..<rows.count where rows.learns.base[row] {
            let slot = rows.slotOfRow.base[row]
            let chosen = Int(rows.actionOfRow.base[row])
            let advantage = rows.advantages.base[row]
            let probabilities = policy.probabilities.base + slot * actions
            let logarithms = policy.logProbabilities.base + slot * actions
            let entropy = policy.entropies.base[slot]
            let gradient = headGradients.base + slot * shape.headWidth
            for action in 0..<actions {
                let probability = probabilities[action]
                let surprise = probability - (action == chosen ? 1 : 0)
                gradient[action] +=
                    share
                    * (advantage * surprise
                        + entropyCoefficient * probability * (logarithms[action] + entropy))
            }
            gradient[actions] -= share * valueCoefficient * advantage
            policyLoss -= Double(advantage * logarithms[chosen])
            valueLoss += Double(advantage * advantage) / 2
            entropySum += Double(entropy)
        }
        report.measures[.policyLoss] = policyLoss * Double(share)
        report.measures[.valueLoss] = valueLoss * Double(share)
        report.measures[.policyEntropy] = entropySum * Double(share)
    }

    /// The counts of `save`; the buffers are filled by `restore(_:)`.
    func restore(version: UInt64, adamSteps: UInt64) {
        self.version = version
        trained.restore(steps: adamSteps)
    }
}
