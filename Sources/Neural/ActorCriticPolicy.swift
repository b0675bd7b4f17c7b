import CKernels

/// Softmax over the logits of heads (rows, headWidth): probabilities and their logarithms (rows, actions), entropies in
/// nats (rows). Each row is computed alone, so that a policy does not depend on which observations stand beside it.
/// Runs on its caller's thread.
///
/// The three outputs are dense, without the padding of the heads. The value column is not read.
package func softmaxPolicy(
    heads: UnsafePointer<Float>, shape: ActorCriticShape, rows: Int, probabilities: UnsafeMutablePointer<Float>,
    logProbabilities: UnsafeMutablePointer<Float>, entropies: UnsafeMutablePointer<Float>
) {
    ck_policy(heads, shape.headWidth, rows, shape.actions, probabilities, logProbabilities, entropies)
}

/// The Euclidean norm of all numbers in `buffer`, summed in Double: what gradients are clipped by.
///
/// A gradient of one NaN gives NaN, which a caller can test for before it lets an update happen.
package func norm(of buffer: FloatBuffer) -> Double { ck_sum_squares(buffer.start, buffer.count).squareRoot() }
