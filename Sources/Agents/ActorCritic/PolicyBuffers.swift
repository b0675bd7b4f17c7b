import Neural

/// What is known of the policies of some rows: probabilities (rows, actions), their logarithms likewise, and entropies
/// in nats (rows). The owner says how many rows there are.
struct PolicyBuffers {
    let probabilities = GrowingBuffer<Float>()
    let logProbabilities = GrowingBuffer<Float>()
    let entropies = GrowingBuffer<Float>()

    /// Room for `rows` policies. What was known is lost where a buffer has to grow.
    func reserve(rows: Int, actions: Int) {
        probabilities.reserve(rows * actions)
        logProbabilities.reserve(rows * actions)
        entropies.reserve(rows)
    }

    /// Writes the policies of `rows` heads, from row number `first` on; there is room for them.
    func fill(from heads: UnsafePointer<Float>, shape: ActorCriticShape, rows: Int, first: Int = 0) {
        softmaxPolicy(
            heads: heads, shape: shape, rows: rows, probabilities: probabilities.base + first * shape.actions,
            logProbabilities: logProbabilities.base + first * shape.actions, entropies: entropies.base + first)
    }
}
