import Environments
import Experience
import Neural

/// The parameters of a learner's network with what moves them: a gradient, which is clipped by its norm, and Adam's
/// moments. Four flat buffers (parameterCount). Owned by one learner, on its thread.
final class TrainedParameters {
    let weights: FloatBuffer
    let firstMoments: FloatBuffer
    let secondMoments: FloatBuffer
    /// Zero before and after every step: backward passes add to it.
    let gradients: FloatBuffer
    /// Steps so far.
    private(set) var steps: UInt64 = 0
    private let optimiser: Adam
    private let learningRate: Double
    /// Largest norm of a gradient; 0 does not clip.
    private let clip: Double

    /// `initial`: (parameterCount).
    init(_ initial: [Float], optimiser: Adam, learningRate: Double, clip: Double) {
        self.optimiser = optimiser
        self.learningRate = learningRate
        self.clip = clip
        weights = FloatBuffer(initial.count)
        firstMoments = FloatBuffer(initial.count)
        secondMoments = FloatBuffer(initial.count)
        gradients = FloatBuffer(initial.count)
        for index in initial.indices { weights.start[index] = initial[index] }
    }

    /// One step of Adam along the gradient, whose norm this is. False where it is not finite: rewards near the largest
    /// float do it, and the parameters stay as they were, so that actors can act by them.
    func step(gradientNorm: Double) -> Bool {
        guard gradientNorm.isFinite else {
            clearGradient()
            return false
        }
        steps += 1
        optimiser.update(
            weights, gradient: gradients, first: firstMoments, second: secondMoments, range: 0..<weights.count,
            step: Int(steps), rate: learningRate,
            gradientScale: clip > 0 ? Adam.clipScale(norm: gradientNorm, limit: clip) : 1)
        return true
    }

    /// The gradient, which no step is made of.
    func takeGradient() -> [Float] {
        defer { clearGradient() }
        return gradients.values
    }

    private func clearGradient() { gradients.start.update(repeating: 0, count: gradients.count) }

    /// After the buffers were filled from what was saved.
    func restore(steps: UInt64) { self.steps = steps }

    func withValues<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try body(UnsafeBufferPointer(start: weights.start, count: weights.count))
    }
}

extension PerceptronPolicy {
    /// Parameters drawn from the lifetime's random numbers (seed, task, repetition); `headScale`: see
    /// `PerceptronShape.initialParameters`.
    func initialParameters(
        _ generator: Philox, headScale: (_ output: Int) -> Float = { _ in 1 }
    ) -> [Float] {
        var numbers = PhiloxSequence(generator, purpose: .initialisation)
        return shape.initialParameters(headScale: headScale) { Philox.unit(UInt32(truncatingIfNeeded: numbers.next())) }
    }
}
