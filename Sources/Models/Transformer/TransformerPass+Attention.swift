import Neural

extension TransformerPass {
    /// The attention weights of every head over the first `length` transitions of the batch's first window. What stands
    /// behind them is computed too and changes nothing before it.
    func attention(_ batch: WindowBatch, length: Int) -> [AttentionMap] {
        let settings = layout.settings
        _ = forward(batch, windows: 0..<1, step: nil)
        let tokens = length * settings.tokensPerTransition
        let stride = CausalAttention.weightsStride(tokens: settings.tokens)
        return layout.blocks.indices.flatMap { block in
            (0..<settings.heads).map { head in
                let kept = arena.blocks[block].weights + head * arena.weightsPerHead
                var weights = [Float](repeating: 0, count: tokens * tokens)
                for query in 0..<tokens {
                    for key in 0...query { weights[query * tokens + key] = kept[query * stride + key] }
                }
                return AttentionMap(block: block, head: head, tokens: tokens, weights: weights)
            }
        }
    }
}
