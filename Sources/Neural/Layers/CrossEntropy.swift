import CKernels

/// Softmax cross entropy with label smoothing (Szegedy et al. 2016): the goal of a row is 1 - smoothing for its target
/// plus smoothing / classes for every class, as in PyTorch.
package enum CrossEntropy {
    package struct Sums: Sendable, Equatable {
        /// The smoothed objective, summed over the taught rows.
        package let objective: Double
        /// The negative log-likelihood without smoothing in nats, summed over the taught rows.
        package let nats: Double
    }

    /// Logits (rows, classes) become their gradient times `scale`; rows with `taught` 0 (rows) count for nothing.
    package static func forwardBackward(
        _ logits: UnsafeMutablePointer<Float>, targets: UnsafePointer<Int32>, taught: UnsafePointer<UInt8>, rows: Int,
        classes: Int, smoothing: Float, scale: Float
    ) -> Sums {
        var nats = 0.0
        let objective = ck_cross_entropy(logits, targets, taught, rows, classes, smoothing, scale, &nats)
        return Sums(objective: objective, nats: nats)
    }
}
