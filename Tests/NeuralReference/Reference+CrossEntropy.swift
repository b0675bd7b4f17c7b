// Cross entropy with label smoothing, summed over the taught rows and multiplied by `scale`.
extension Reference {
    /// Logits (rows, classes); the gradient has their shape, and is 0 in rows that are not taught.
    ///
    /// With `smoothing` s and K classes the goal is 1 - s + s / K for the target and s / K for every other class; the
    /// loss is minus the sum of goal times log probability (Szegedy et al. 2016).
    package static func crossEntropy(
        _ logits: Array, targets: [Int], taught: [Bool], smoothing: Scalar, scale: Scalar
    ) -> (loss: Scalar, gradient: Array) {
        let classes = logits.count / targets.count
        var loss: Scalar = 0
        var gradient = Array(repeating: 0, count: logits.count)
        for (row, target) in targets.enumerated() where taught[row] {
            let values = logits[(row * classes)..<((row + 1) * classes)]
            let largest = values.max() ?? 0
            let total = values.reduce(Scalar(0)) { $0 + .exponential($1 - largest) }
            for (k, value) in values.enumerated() {
                let goal = (k == target ? 1 - smoothing : 0) + smoothing / Scalar(classes)
                let logProbability = value - largest - .logarithm(total)
                loss -= scale * goal * logProbability
                gradient[row * classes + k] = scale * (.exponential(logProbability) - goal)
            }
        }
        return (loss, gradient)
    }
}
