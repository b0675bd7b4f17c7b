package import Neural

// Causal attention of one head: out = (softmax(q k^T / sqrt(d)) mask) v over the keys that a query sees; q, k, v (T,
// d), mask (T, T).
extension Reference {
    /// softmax(q k^T / sqrt(d)) (T, T), 0 where a query sees nothing.
    ///
    /// Rows are queries, columns keys. The largest score of a row is subtracted before exponentials are taken, which
    /// changes no weight. Without the mask: dropout applies to the weights afterwards.
    package static func attentionWeights(
        _ q: Array, _ k: Array, d: Int, sight: AttentionSight = AttentionSight()
    ) -> Array {
        let t = q.count / d
        var weights = Array(repeating: 0, count: t * t)
        for i in 0..<t {
            let keys = sight.keys(of: i)
            let scores = keys.map { j in
                (0..<d).reduce(Scalar(0)) { $0 + q[i * d + $1] * k[j * d + $1] } / Scalar(d).squareRoot()
            }
            let largest = scores.max() ?? 0
            let exponentials = scores.map { Scalar.exponential($0 - largest) }
            let total = exponentials.reduce(0, +)
            for (j, exponential) in zip(keys, exponentials) { weights[i * t + j] = exponential / total }
        }
        return weights
    }

    /// The output (T, d); a padded query's row is 0.
    ///
    /// `mask` (T, T) is the dropout on the weights; nil drops nothing.
    package static func attention(
        _ q: Array, _ k: Array, _ v: Array, d: Int, mask: Array?, sight: AttentionSight = AttentionSight()
    ) -> Array {
        let t = q.count / d
        let weights = attentionWeights(q, k, d: d, sight: sight)
        var out = Array(repeating: 0, count: t * d)
        for i in 0..<t {
            for j in sight.keys(of: i) {
                let weight = weights[i * t + j] * (mask?[i * t + j] ?? 1)
                for c in 0..<d { out[i * d + c] += weight * v[j * d + c] }
            }
        }
        return out
    }

    /// Gradients (T, d) each from that of the output, by the derivative of the softmax.
    ///
    /// With p the weights and dp the gradient of p: ds = p (dp - sum of dp p over the row) / sqrt(d); dq = ds k, dk =
    /// ds^T q, dv = (p mask)^T dout. Compared with finite differences in Double.
    package static func attentionBackward(
        _ dout: Array, _ q: Array, _ k: Array, _ v: Array, d: Int, mask: Array?,
        sight: AttentionSight = AttentionSight()
    ) -> (dq: Array, dk: Array, dv: Array) {
        let t = q.count / d
        let p = attentionWeights(q, k, d: d, sight: sight)
        var dq = Array(repeating: 0, count: t * d)
        var dk = dq
        var dv = dq
        for i in 0..<t {
            let keys = sight.keys(of: i)
            var dp = Array(repeating: 0, count: t)
            for j in keys {
                let factor = mask?[i * t + j] ?? 1
                for c in 0..<d {
                    dp[j] += dout[i * d + c] * v[j * d + c] * factor
                    dv[j * d + c] += dout[i * d + c] * p[i * t + j] * factor
                }
            }
            let mean = keys.reduce(Scalar(0)) { $0 + dp[$1] * p[i * t + $1] }
            for j in keys {
                let ds = p[i * t + j] * (dp[j] - mean) / Scalar(d).squareRoot()
                for c in 0..<d {
                    dq[i * d + c] += ds * k[j * d + c]
                    dk[j * d + c] += ds * q[i * d + c]
                }
            }
        }
        return (dq, dk, dv)
    }
}
