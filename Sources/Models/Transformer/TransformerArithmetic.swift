/// The floating-point operations that a step of the model needs, whatever an implementation makes of them.
///
/// Training: 6 for each token and each parameter of a linear layer (2 forward, 4 backward), and attention's own: forward
/// 2 products of (T, T) with (T, d) for every head, of which only the half at or below the diagonal counts, and twice
/// that backward. Embeddings, normalisation, activations and the optimiser count as nothing.
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
        return Double(windows) * Double(linear + attention)
    }
}
