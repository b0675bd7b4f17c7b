import CKernels
import Foundation

/// Adam (Kingma and Ba 2015) with epsilon outside the root, as in PyTorch; one fused pass over flat buffers. It holds
/// the three constants alone: the moments are the caller's buffers, so that they can be saved and shared out among
/// threads.
package struct Adam: Sendable, Equatable {
    /// Share of the first moment (the mean gradient) that a step keeps, such as 0.9.
    package let beta1: Double
    /// Share of the second moment (the mean squared gradient) that a step keeps, such as 0.99.
    package let beta2: Double
    /// Added to the root of the corrected second moment.
    package let epsilon: Double

    package init(beta1: Double, beta2: Double, epsilon: Double) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    /// Update number `step` (from 1) of `range` of the parameters. The gradient is scaled first, for clipping, and is
    /// zero afterwards. Ranges that do not overlap may be updated by different threads.
    ///
    /// `first`, `second`: the moments, zero before step 1 and kept by the caller in checkpoints. `rate`: the step's
    /// learning rate. Corrections for the moments' start at zero are computed in Double, because `1 - pow(beta2, step)`
    /// cancels in Float.
    package func update(
        _ parameters: FloatBuffer, gradient: FloatBuffer, first: FloatBuffer, second: FloatBuffer, range: Range<Int>,
        step: Int, rate: Double, gradientScale: Double = 1
    ) {
        precondition(range.upperBound <= min(parameters.count, gradient.count, first.count, second.count) && step > 0)
        ck_adam(
            parameters.start + range.lowerBound, gradient.start + range.lowerBound, first.start + range.lowerBound,
            second.start + range.lowerBound, range.count, Float(gradientScale), Float(rate), Float(beta1), Float(beta2),
            Float(epsilon), Float(1 - pow(beta1, Double(step))), Float(1 - pow(beta2, Double(step))))
    }

    /// What a gradient of this norm is multiplied by so that its norm is at most `limit`, with PyTorch's 1e-6 in the
    /// denominator: norm 4 and limit 1 give about 0.25.
    package static func clipScale(norm: Double, limit: Double) -> Double { norm > limit ? limit / (norm + 1e-6) : 1 }
}
