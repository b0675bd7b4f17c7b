import Neural

/// What is known of the policies of some rows: probabilities (rows, actions), and of a softmax their logarithms likewise
/// and entropies in nats (rows). The owner says how many rows there are.
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

    /// Writes the softmax of `rows` heads (rows, headWidth), whose first `actions` columns are logits, from row number
    /// `first` on; there is room for them.
    func fill(from heads: UnsafePointer<Float>, headWidth: Int, rows: Int, actions: Int, first: Int = 0) {
        softmaxPolicy(
            heads: heads, headWidth: headWidth, rows: rows, actions: actions,
            probabilities: probabilities.base + first * actions,
            logProbabilities: logProbabilities.base + first * actions, entropies: entropies.base + first)
    }
}
