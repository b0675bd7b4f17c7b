/// The floating-point operations that a step of the model needs, whatever an implementation makes of them: what plans
/// and benchmarks divide by a machine's speed.
///
/// Training: 6 for each token and each parameter of a linear layer (2 forward, 4 backward), and attention's own:
/// forward 2 products of (T, T) with (T, d) for every head, counted only at and below the diagonal, and twice that
/// backward. Embeddings, normalisation, activations and the optimiser count as nothing.
///
/// Table 1's model with 5 actions: 228,057,600 operations forward for a window of 100 transitions, so 43.8e9 for a
/// training step on 64 windows.
package enum TransformerArithmetic {
    /// Operations of forward and backward over full windows.
    package static func training(_ layout: TransformerLayout, windows: Int) -> Double {
        3 * forward(layout, windows: windows)
    }

    /// Operations of the forward pass over full windows, with logits for every transition.
    package static func forward(_ layout: TransformerLayout, windows: Int) -> Double {
        let settings = layout.settings
        let (d, tokens) = (settings.modelDimension, settings.tokens)
        let block = 4 * d * d + 2 * d * settings.feedForward
        let linear = 2 * (tokens * settings.layers * block + settings.contextLength * d * layout.actionCount)
        // Products of T (T + 1) / 2 rows of d for each head: heads * headDimension = d.
        let attention = settings.layers * 2 * tokens * (tokens + 1) * d
        let images = settings.contextLength * layout.observations.forwardOperations
        return Double(windows) * Double(linear + attention + images)
    }
}
