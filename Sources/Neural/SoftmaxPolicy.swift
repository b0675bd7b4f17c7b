import CKernels

/// Softmax over the first `actions` columns of heads (rows, headWidth), which are logits: probabilities and their
/// logarithms (rows, actions), entropies in nats (rows). Each row is computed alone, so that a policy does not depend on
/// which observations stand beside it. Runs on its caller's thread.
///
/// The three outputs are dense, without the padding of the heads. Further columns are not read.
package func softmaxPolicy(
    heads: UnsafePointer<Float>, headWidth: Int, rows: Int, actions: Int, probabilities: UnsafeMutablePointer<Float>,
    logProbabilities: UnsafeMutablePointer<Float>, entropies: UnsafeMutablePointer<Float>
) {
    ck_policy(heads, headWidth, rows, actions, probabilities, logProbabilities, entropies)
}

/// The first of the actions with the highest value.
package func greedyAction(_ values: UnsafePointer<Float>, _ actions: Int) -> Int {
    var best = 0
    for action in 1..<max(1, actions) where values[action] > values[best] { best = action }
    return best
}

/// The Euclidean norm of all numbers in `buffer`, summed in Double: what gradients are clipped by.
///
/// A gradient of one NaN gives NaN, which a caller can test for before it lets an update happen.
package func norm(of buffer: FloatBuffer) -> Double { ck_sum_squares(buffer.start, buffer.count).squareRoot() }
