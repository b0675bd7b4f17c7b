package import Environments
import CKernels
import Neural

/// Advantage actor-critic on lambda-returns (paper, Table 4: A3C).
///
/// Over all rows n learnt from, with the advantage A = G - V held constant, the objective is the mean of
/// -A log pi(a|o) - entropyCoefficient * H(pi(.|o)) + valueCoefficient / 2 * (G - V(o))^2. One Adam step an update,
/// after clipping the gradient's norm. The policy and the value share all hidden layers.
package final class ActorCriticLearner: SourceLearner {
    package private(set) var version: UInt64 = 0
    let settings: ActorCriticSettings
    let shape: ActorCriticShape
    /// Adam's steps so far: updates that had a row to learn from.
    var adamSteps: UInt64 = 0
    /// parameters, Adam's first moments, its second moments, gradients: (parameterCount) each, one after another.
    let state: UnsafeMutablePointer<Float>
    let rows: RolloutRowsInOrder
    let network: ActorCriticNetwork
    private let policy = PolicyBuffers()
    private let headGradients = GrowingBuffer<Float>()

    /// `sharesEqualObservations` off computes every row by itself, for comparison. Throws `SourceAlgorithmError` for
    /// settings or spaces that the algorithm cannot take.
    package init(
        settings: ActorCriticSettings, environment: EnvironmentDescription, seed: UInt64, task: Int, repetition: Int,
        sharesEqualObservations: Bool = true
    ) throws {
        self.settings = settings
        shape = try settings.makeShape(environment: environment)
        network = settings.makeNetwork(shape: shape)
        rows = RolloutRowsInOrder(
            slots: ObservationSlots(
                try DiscreteObservation(environment.observationSpace), sharesEqual: sharesEqualObservations),
            actionSpace: environment.actionSpace, actions: shape.actions,
            keepsFinalObservations: settings.bootstrapsTruncation)
        state = .allocate(capacity: 4 * shape.parameterCount)
        state.initialize(repeating: 0, count: 4 * shape.parameterCount)
        var numbers = PhiloxSequence(
            Philox(StreamKey(seed: seed, task: task, repetition: repetition, actor: 0)), purpose: .initialisation)
        let initial = shape.initialParameters(policyHeadScale: Float(settings.policyHeadScale)) {
            Philox.unit(UInt32(truncatingIfNeeded: numbers.next()))
        }
        for index in initial.indices { state[index] = initial[index] }
    }

    deinit { state.deallocate() }

    var parameterPointer: UnsafeMutablePointer<Float> { state }
    private var firstMoments: UnsafeMutablePointer<Float> { state + shape.parameterCount }
    private var secondMoments: UnsafeMutablePointer<Float> { state + 2 * shape.parameterCount }
    private var gradients: UnsafeMutablePointer<Float> { state + 3 * shape.parameterCount }

    package func withParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try body(UnsafeBufferPointer(start: state, count: shape.parameterCount))
    }

    package func update(_ batches: [RolloutBatch]) throws -> UpdateReport {
        var report = try accumulateGradient(batches)
        version += 1
        report.version = version
        guard report.learntRows > 0 else { return report }
        adamSteps += 1
        let clip = settings.gradientClip
        let scale = clip > 0 && report.gradientNorm > clip ? clip / report.gradientNorm : 1
        let step = Double(adamSteps)
        ck_mlp_adam(
            parameterPointer, gradients, firstMoments, secondMoments, shape.parameterCount, Float(scale),
            Float(settings.learningRate), Float(settings.adamBeta1), Float(settings.adamBeta2),
            Float(settings.adamEpsilon), Float(1 - power(settings.adamBeta1, step)),
            Float(1 - power(settings.adamBeta2, step)))
        return report
    }

    /// The gradient of the objective (parameterCount) on `batches`, before clipping; changes nothing.
    package func gradient(_ batches: [RolloutBatch]) throws -> (values: [Float], report: UpdateReport) {
        let report = try accumulateGradient(batches)
        let values = Array(UnsafeBufferPointer(start: gradients, count: shape.parameterCount))
        gradients.update(repeating: 0, count: shape.parameterCount)
        return (values, report)
    }

    /// Leaves the gradient in `gradients`, which are zero before and after every update.
    private func accumulateGradient(_ batches: [RolloutBatch]) throws -> UpdateReport {
        try rows.arrange(batches)
        let slots = rows.slots.count
        var report = UpdateReport(version: version)
        report.rows = rows.count
        guard slots > 0 else { return report }
        network.forward(parameters: parameterPointer, components: rows.slots.components, rows: slots)
        policy.reserve(rows: slots, actions: shape.actions)
        softmaxPolicy(
            heads: network.heads, shape: shape, rows: slots, probabilities: policy.probabilities.base,
            logProbabilities: policy.logProbabilities.base, entropies: policy.entropies.base)
        rows.computeReturns(
            heads: network.heads, headWidth: shape.headWidth, discount: Float(settings.discount),
            lambda: Float(settings.lambda))
        report.learntRows = rows.learntCount
        guard rows.learntCount > 0 else { return report }
        headGradients.reserve(slots * shape.headWidth)
        headGradients.base.update(repeating: 0, count: slots * shape.headWidth)
        addHeadGradients(to: &report)
        network.backward(
            parameters: parameterPointer, components: rows.slots.components, rows: slots,
            headGradients: headGradients.base, gradients: gradients)
        report.gradientNorm = ck_mlp_sum_squares(gradients, shape.parameterCount).squareRoot()
        return report
    }

    /// Adds every row's gradient with respect to its logits and its value to its slot, in the rows' order.
    private func addHeadGradients(to report: inout UpdateReport) {
        let actions = shape.actions
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
        report.policyLoss = policyLoss * Double(share)
        report.valueLoss = valueLoss * Double(share)
        report.entropy = entropySum * Double(share)
    }

    func restore(version: UInt64, adamSteps: UInt64) {
        self.version = version
        self.adamSteps = adamSteps
    }
}

/// (slots, actions), their logarithms likewise, and entropies (slots).
private struct PolicyBuffers {
    let probabilities = GrowingBuffer<Float>()
    let logProbabilities = GrowingBuffer<Float>()
    let entropies = GrowingBuffer<Float>()

    func reserve(rows: Int, actions: Int) {
        probabilities.reserve(rows * actions)
        logProbabilities.reserve(rows * actions)
        entropies.reserve(rows)
    }
}

/// base^exponent for a whole exponent, by squaring: the same on every platform, which the C library does not promise.
private func power(_ base: Double, _ exponent: Double) -> Double {
    var result = 1.0
    var factor = base
    var rest = UInt64(exponent)
    while rest > 0 {
        if rest & 1 == 1 { result *= factor }
        factor *= factor
        rest >>= 1
    }
    return result
}
