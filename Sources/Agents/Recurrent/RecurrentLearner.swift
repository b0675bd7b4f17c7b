package import Environments
package import Experience
import Neural

/// Advantage actor-critic on lambda-returns with memory (paper, Table 6: RL2).
///
/// The objective is that of `ActorCriticLearner`, with returns over whole trials: an episode's end within a trial does
/// not end them. Gradients flow back through the rows of one update and no further. The state that a rollout begins
/// with is the learner's own, kept from the update before (`TrialSequences`): rollouts do not carry it, and it need not
/// be computed anew from the trial's begin.
///
/// Sequences are divided into groups of one length and at most `RecurrentPolicy.mostSequences`, and their gradients added
/// in the groups' order: what comes out does not depend on the number of threads, nor on how batches divide the
/// rollouts.
package final class RecurrentLearner: SourceLearner {
    package private(set) var version: UInt64 = 0
    let policy: RecurrentPolicy
    let trained: TrainedParameters
    let sequences: TrialSequences
    private let settings: ActorCriticSettings
    private let pool: WorkerPool
    private let passes: [any MemoryPass]
    /// One for each group of the largest update so far.
    private var groupGradients: [FloatBuffer] = []
    /// (sequences, `stateWidth`): before the last row of each.
    private let states = GrowingBuffer<Float>()

    package var onProgress: (() -> Void)?

    /// Throws `SourceAlgorithmError` for settings or spaces that the algorithm cannot take.
    package init(
        settings: ActorCriticSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws {
        self.settings = settings
        policy = try settings.makeRecurrentPolicy(environment: scene.environment)
        guard settings.novelty == 0 || policy.observation.tableSize != nil else {
            throw SourceAlgorithmError(
                "novelty counts visits of up to \(IntegerComponents.largestTable) different observations; "
                    + "\(scene.environment.name) has more")
        }
        let threads = settings.memory?.threads ?? 1
        pool = WorkerPool(count: threads)
        passes = (0..<threads).map { [policy] _ in policy.makePass() }
        sequences = TrialSequences(
            policy: policy, scene: scene, novelty: settings.novelty, span: settings.noveltySpan)
        let generator = Philox(StreamKey(seed: seed, task: task, repetition: repetition, actor: 0))
        trained = TrainedParameters(
            policy.initialParameters(generator, policyScale: Float(settings.policyHeadScale)),
            optimiser: Adam(beta1: settings.adamBeta1, beta2: settings.adamBeta2, epsilon: settings.adamEpsilon),
            learningRate: settings.learningRate, clip: settings.gradientClip)
    }

    package func withActingParameters<Result>(
        _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) rethrows -> Result { try trained.withValues(body) }

    package func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int { waiting.ofWholeRound }

    package func update(_ batches: [RolloutBatch]) throws -> UpdateReport {
        var report = try accumulateGradient(batches)
        let width = policy.stateWidth
        sequences.keep { Array(UnsafeBufferPointer(start: states.base + $0 * width, count: width)) }
        version += 1
        report.version = version
        guard report.learntRows > 0 else { return report }
        guard trained.step(gradientNorm: report.measures[.gradientNorm] ?? 0) else {
            return report.diverged
        }
        return report
    }

    /// The gradient of the objective (parameterCount) on `batches`, before clipping; changes nothing. For comparison
    /// with finite differences and with references. Throws as `update` does.
    package func gradient(_ batches: [RolloutBatch]) throws -> (values: [Float], report: UpdateReport) {
        let report = try accumulateGradient(batches)
        return (trained.takeGradient(), report)
    }

    /// What the learner goes on from with an actor's next rollout, before the row at which the last one was cut: an LSTM's
    /// hidden units (layers, H), then cells likewise, or a transformer's `TrialRows`. Nil where its trial ended there. For comparison.
    package func keptState(ofActor actor: Int) -> [Float]? {
        sequences.carried[actor].flatMap { $0.row == nil ? nil : $0.state }
    }

    /// Leaves the gradient in `trained` and the states in `states`.
    private func accumulateGradient(_ batches: [RolloutBatch]) throws -> UpdateReport {
        try sequences.arrange(batches)
        var report = UpdateReport(version: version)
        report.rows = sequences.arrivedCount
        report.cutRows = sequences.abandonedCount
        report.learntRows = sequences.learntCount
        guard !sequences.sequences.isEmpty else { return report }
        states.reserve(sequences.sequences.count * policy.stateWidth)
        let sums = run(groups(), learntRows: report.learntRows)
        guard report.learntRows > 0 else { return report }
        let share = 1 / Double(report.learntRows)
        report.measures[.policyLoss] = sums.policyLoss * share
        report.measures[.valueLoss] = sums.valueLoss * share
        report.measures[.policyEntropy] = sums.entropy * share
        report.measures[.gradientNorm] = norm(of: trained.gradients)
        return report
    }

    /// Numbers of the sequences, those of one length together, in their order.
    private func groups() -> [[Int]] {
        let byLength = Dictionary(grouping: sequences.sequences.indices) { sequences.sequences[$0].length }
        return byLength.keys.sorted().flatMap { length -> [[Int]] in
            let all = byLength[length] ?? []
            return stride(from: 0, to: all.count, by: policy.mostSequences).map {
                Array(all[$0..<min(all.count, $0 + policy.mostSequences)])
            }
        }
    }

    private func run(_ groups: [[Int]], learntRows: Int) -> RecurrentSums {
        let objective = RecurrentObjective(
            discount: Float(settings.discount), lambda: Float(settings.lambda),
            entropyCoefficient: Float(settings.entropyCoefficient),
            valueCoefficient: Float(settings.valueCoefficient), learntRows: learntRows)
        while groupGradients.count < groups.count { groupGradients.append(FloatBuffer(policy.parameters.count)) }
        let sums = GrowingBuffer<RecurrentSums>(capacity: groups.count)
        pool.run { worker in
            for group in stride(from: worker, to: groups.count, by: pool.count) {
                let gradients = groupGradients[group]
                gradients.start.update(repeating: 0, count: gradients.count)
                sums.base[group] = passes[worker].run(
                    groups[group], of: sequences, parameters: trained.weights.start, objective: objective,
                    gradients: gradients.start, states: states.base)
                if worker == 0 { onProgress?() }
            }
        }
        var total = RecurrentSums()
        for group in groups.indices {
            total += sums.base[group]
            let (source, target) = (groupGradients[group].start, trained.gradients.start)
            for index in 0..<trained.gradients.count { target[index] += source[index] }
        }
        return total
    }

    /// The counts of `save`; the buffers are filled by `restore(_:)`.
    func restore(version: UInt64, adamSteps: UInt64) {
        self.version = version
        trained.restore(steps: adamSteps)
    }
}
