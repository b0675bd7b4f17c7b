import CKernels

/// Softmax cross entropy with label smoothing (Szegedy et al. 2016): the goal of a row is 1 - smoothing for its target
/// plus smoothing / classes for every class, as in PyTorch. With 5 classes and a smoothing of 0.1 that is 0.92 for the
/// target and 0.02 for each other class.
package enum CrossEntropy {
    /// Sums over a call's taught rows; the caller divides by their number.
    package struct Sums: Sendable, Equatable {
        /// The smoothed objective, summed over the taught rows.
        package let objective: Double
        /// The negative log-likelihood without smoothing in nats, summed over the taught rows.
        package let nats: Double
    }

    /// Logits (rows, classes) become their gradient times `scale`; rows with `taught` 0 (rows) count for nothing, and
    /// their gradient is 0. A `scale` of 1 / taught rows of the whole batch gives the gradient of the mean. Forward and
    /// backward are one function, because the gradient is the softmax less the goal.
    ///
    /// `targets` are classes from 0, one for each row; a row that is not taught may hold anything. Differences of
    /// logits matter only: the largest of a row is subtracted before exponentials are taken, so that no logit
    /// overflows.
    package static func forwardBackward(
        _ logits: UnsafeMutablePointer<Float>, targets: UnsafePointer<Int32>, taught: UnsafePointer<UInt8>, rows: Int,
        classes: Int, smoothing: Float, scale: Float
    ) -> Sums {
        var nats = 0.0
        let objective = ck_cross_entropy(logits, targets, taught, rows, classes, smoothing, scale, &nats)
        return Sums(objective: objective, nats: nats)
    }
}
