package import Environments
package import Experience
import Foundation
import Neural

/// DQN with Peng's Q(lambda) (paper, Table 5; Peng and Williams 1994; rlax's `q_lambda`).
///
/// The objective of a step is the mean of (G_t - Q(o_t, a_t))^2 / 2 over the rows of its batch, with the lambda-return G
/// of the target network held constant: `SequenceBatch.computeErrors`. After clipping the gradient's norm comes one Adam
/// step; after every `targetInterval` of them the target network becomes what the network is.
///
/// Rollouts go into the replay in the order of actors and sequence numbers. As soon as there are as many new sequences
/// as the next step takes, it is made, with the rest of its batch drawn from the whole replay: how many steps an update
/// has follows from the rollouts. Every random number is a function of the lifetime and the number of the step.
package final class QLambdaLearner: SourceLearner {
    package private(set) var version: UInt64 = 0
    let settings: QLambdaSettings
    let values: ActionValues
    /// Steps so far; those of them whose gradient was finite moved the parameters.
    private(set) var steps: UInt64 = 0
    /// Transitions of all actors so far, which exploration falls with.
    private(set) var transitions: UInt64 = 0
    let trained: TrainedParameters
    /// (parameterCount) of the target network.
    let target: FloatBuffer
    /// Replaced as a whole by `restore`.
    var replay: SequenceReplay
    private let networks: any SequenceValues
    /// Nil of a network without memory.
    let trace: MemoryTrace?
    private let environment: EnvironmentDescription
    private let rows: RolloutRowsInOrder
    private let batch: SequenceBatch
    private let generator: Philox
    /// Steps that a random action goes on for, in the mean.
    private let stepsBeyondDraw: Double
    /// (parameterCount + 1): what actors load where that is the parameters.
    private let lent: FloatBuffer
    /// (rows): what follows each row of an update (`SequenceReplay.Following`).
    private let following = GrowingBuffer<UInt8>()
    /// (slots, headWidth): of the objective with respect to the values.
    private let headGradients = GrowingBuffer<Float>()

    /// Throws `SourceAlgorithmError` for settings or spaces that the algorithm cannot take. `sharesEqualObservations` off
    /// computes every row of a batch by itself, for comparison.
    package init(
        settings: QLambdaSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int,
        sharesEqualObservations: Bool = true
    ) throws {
        let environment = scene.environment
        self.environment = environment
        self.settings = settings
        stepsBeyondDraw = settings.explorationRunExponent.map { RandomRuns.meanLength(exponent: $0) - 1 } ?? 0
        let values = try settings.makeValues(environment: environment)
        self.values = values
        lent = FloatBuffer(values.parameterCount + 1)
        rows = RolloutRowsInOrder(
            slots: values.slots(sharesEqual: sharesEqualObservations), layout: environment.rolloutLayout,
            view: scene.view, actions: values.actions, keepsFinalObservations: settings.bootstrapsTruncation)
        let layout = try settings.makeReplayLayout(environment: environment, actors: 1)
        replay = SequenceReplay(layout)
        batch = SequenceBatch(sequences: settings.batchSequences, layout: layout)
        target = FloatBuffer(values.parameterCount)
        generator = Philox(StreamKey(seed: seed, task: task, repetition: repetition, actor: 0))
        trained = TrainedParameters(
            values.initialParameters(generator),
            optimiser: Adam(beta1: settings.adamBeta1, beta2: settings.adamBeta2, epsilon: settings.adamEpsilon),
            learningRate: settings.learningRate, clip: settings.gradientClip)
        networks = values.makeNetworks(
            scene: scene, weights: trained.weights, target: target, rows: batch.count, threads: settings.threads,
            generator: generator, sharesEqual: sharesEqualObservations)
        trace = values.makeTrace(scene: scene, weights: trained.weights, threads: settings.threads)
        copyToTarget()
    }

    package var onProgress: (() -> Void)? {
        get { networks.onProgress }
        set {
            networks.onProgress = newValue
            trace?.onProgress = newValue
        }
    }

    /// Share of random actions that actors take after the last update.
    package var exploration: Float { settings.exploration(after: transitions) }

    package func withActingParameters<Result>(
        _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        if let table = networks.table(exploration: exploration) { return try body(table) }
        let weights = trained.weights
        lent.start.update(from: weights.start, count: weights.count)
        lent.start[weights.count] = exploration
        return try body(UnsafeBufferPointer(start: lent.start, count: lent.count))
    }

    /// Lends the network's flat parameters.
    package func withParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try trained.withValues(body)
    }

    /// A copy of the network's flat parameters.
    package var parameters: [Float] { withParameters { Array($0) } }

    /// Of a network with memory what comes before an actor's next row: hidden units (layers, H), cells likewise, the action
    /// before or -1, the reward before, and 1 where an episode begins. For comparison.
    package func remembered(ofActor actor: Int) -> [Float]? { trace?.carried[actor]?.memory }

    package func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int { waiting.ofWholeRound }

    package func update(_ batches: [RolloutBatch]) throws -> UpdateReport {
        var report = try begin(batches)
        var sums = StepSums()
        version += 1
        report.version = version
        for segment in rows.segments {
            append(segment, to: &report)
            while let fresh = nextFreshCount { try step(fresh: fresh, &report, &sums) }
        }
        transitions += UInt64(report.rows)
        report.measures = sums.means
        if !report.measures.isEmpty { report.measures[.policyEntropy] = entropy }
        return report
    }

    /// Takes rollouts into the replay and gives the gradient of the objective (parameterCount) of the step that comes
    /// next, before clipping, which is not made; nil where new sequences are too few. For comparison with finite
    /// differences and with references. Throws as `update` does.
    package func gradient(_ batches: [RolloutBatch]) throws -> (values: [Float], loss: Double)? {
        var report = try begin(batches)
        for segment in rows.segments { append(segment, to: &report) }
        guard let fresh = nextFreshCount else { return nil }
        let loss = try accumulateGradient(fresh: fresh)
        return (trained.takeGradient(), loss)
    }

    /// Puts the rollouts in order. Throws, and changes nothing that matters, for what lies outside its space.
    private func begin(_ batches: [RolloutBatch]) throws -> UpdateReport {
        try rows.arrange(batches)
        noteFollowing()
        try trace?.trace(rows, following: following.base)
        var report = UpdateReport(version: version)
        report.rows = rows.arrivedCount
        return report
    }

    /// A policy with memory goes on into the next episode of its trial. To any other an episode's end is one, but for one
    /// that is to be bootstrapped from, whose final observation follows.
    private func noteFollowing() {
        following.reserve(rows.count)
        for segment in rows.segments {
            var episode = segment.firstEpisode
            for row in segment.firstRow..<(segment.firstRow + segment.length) {
                let ending = rows.endings.base[row]
                if ending != .nothing { episode += 1 }
                let next: SequenceReplay.Following =
                    switch ending {
                    case .nothing: .row
                    case .truncated where settings.bootstrapsTruncation: .row
                    default: trace != nil && !environment.beginsTrial(episode) ? .episode : .end
                    }
                following.base[row] = next.rawValue
            }
        }
    }

    // MARK: - The replay

    /// A rollout's rows go into the replay. The final observation of a truncated episode that is to be bootstrapped from
    /// follows its last row as one from which nothing is learnt.
    private func append(_ segment: RolloutRowsInOrder.Segment, to report: inout UpdateReport) {
        let width = replay.layout.observationBytes
        report.cutRows += replay.begin(
            actor: segment.actor, incarnation: segment.incarnation, sequence: segment.sequence)
        var final = segment.firstFinal
        for row in segment.firstRow..<(segment.firstRow + segment.length) {
            let ending = rows.endings.base[row]
            let bootstraps = ending == .truncated && settings.bootstrapsTruncation
            replay.append(
                SequenceReplay.Row(
                    observation: UnsafePointer(rows.observations.base + row * width),
                    action: rows.actionOfRow.base[row], reward: rows.rewards.base[row],
                    following: .init(rawValue: following.base[row]) ?? .end,
                    memory: trace.map { UnsafePointer($0.memories.base + row * replay.layout.memoryWidth) }),
                actor: segment.actor)
            guard ending != .nothing else { continue }
            if bootstraps {
                let observation = rows.finalObservations.base + final * width
                replay.append(.init(observation: observation, following: .unknown), actor: segment.actor)
            }
            final += 1
        }
        replay.end(
            actor: segment.actor, incarnation: segment.incarnation, nextSequence: segment.sequence &+ 1)
        if segment.isLast { report.cutRows += replay.remove(actor: segment.actor) }
    }

    /// New sequences that the next step takes; nil where there are not so many.
    private var nextFreshCount: Int? {
        let fresh = settings.batchSequences - settings.replayedSequences(of: steps)
        return replay.wholeCount > 0 && replay.fresh.count >= fresh ? fresh : nil
    }

    // MARK: - A step

    private func step(fresh: Int, _ report: inout UpdateReport, _ sums: inout StepSums) throws {
        let loss = try accumulateGradient(fresh: fresh)
        let newRows = replay.fresh[..<fresh].reduce(0) { $0 + Int($1.newRows) }
        replay.removeFresh(fresh)
        steps += 1
        let gradientNorm = norm(of: trained.gradients)
        guard trained.step(gradientNorm: gradientNorm) else {
            report.divergedRows += newRows
            return
        }
        if trained.steps % UInt64(settings.targetInterval) == 0 { copyToTarget() }
        report.learntRows += newRows
        sums.add(loss: loss, gradientNorm: gradientNorm)
    }

    /// Leaves the gradient in `trained`, and gives the loss. The batch has the oldest `fresh` new sequences first, then
    /// those drawn from the replay, in the order in which they are drawn.
    private func accumulateGradient(fresh: Int) throws -> Double {
        for index in 0..<settings.batchSequences {
            let block =
                index < fresh
                ? replay.place(of: replay.fresh[index].block)
                : replay.drawn(
                    by: generator.words(.windows, episode: steps, step: UInt32(truncatingIfNeeded: index)).x)
            batch.place(index, from: block, of: replay)
        }
        try networks.take(batch)
        let width = values.headWidth
        let targets = networks.targetValues()
        batch.computeErrors(
            heads: networks.forward(step: Int(steps)), headWidth: width, targets: targets,
            discount: Float(settings.discount), lambda: Float(settings.lambda))
        headGradients.reserve(networks.count * width)
        headGradients.base.update(repeating: 0, count: networks.count * width)
        let loss = addHeadGradients()
        networks.backward(headGradients.base, into: trained.gradients.start)
        return loss
    }

    /// Adds every row's gradient with respect to the value of its action, -(G - Q) / n, to its slot, in the rows' order.
    /// Gives the mean of half the squared errors.
    private func addHeadGradients() -> Double {
        guard batch.learntCount > 0 else { return 0 }
        let share = 1 / Float(batch.learntCount)
        var sum = 0.0
        for row in 0..<batch.count where batch.learns.base[row] {
            let error = batch.errors.base[row]
            let place = batch.slotOfRow.base[row] * values.headWidth + Int(batch.actionOfRow.base[row])
            headGradients.base[place] -= share * error
            sum += Double(error) * Double(error) / 2
        }
        return sum * Double(share)
    }

    private func copyToTarget() {
        target.copy(from: trained.weights)
        networks.targetHasChanged()
    }

    /// Of the policy that actors have after the last update, in nats a step, at every observation: it has one greedy
    /// action. Where random actions go on, the steps that these take by themselves have none; it is a lower bound then,
    /// since runs that an episode's end cuts are counted whole.
    private var entropy: Double { entropyOfDraw / (1 + Double(exploration) * stepsBeyondDraw) }

    private var entropyOfDraw: Double {
        let random = Double(exploration) / Double(values.actions)
        let greedy = 1 - Double(exploration) + random
        func part(_ probability: Double) -> Double { probability > 0 ? -probability * log(probability) : 0 }
        return part(greedy) + Double(values.actions - 1) * part(random)
    }

    /// The counts of `save`; the buffers are filled by `restore(_:)`, and the target's values follow from them.
    func restore(version: UInt64, steps: UInt64, adamSteps: UInt64, transitions: UInt64) {
        (self.version, self.steps, self.transitions) = (version, steps, transitions)
        trained.restore(steps: adamSteps)
        networks.targetHasChanged()
    }
}

/// Sums over the steps of an update.
private struct StepSums {
    private var steps = 0
    private var loss = 0.0
    private var gradientNorm = 0.0

    mutating func add(loss: Double, gradientNorm: Double) {
        steps += 1
        self.loss += loss
        self.gradientNorm += gradientNorm
    }

    /// Empty where there was no step.
    var means: [Measure: Double] {
        guard steps > 0 else { return [:] }
        return [.valueLoss: loss / Double(steps), .gradientNorm: gradientNorm / Double(steps)]
    }
}
