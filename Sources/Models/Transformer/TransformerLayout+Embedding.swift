import CKernels

extension TransformerLayout {
    /// The embedding tables inside a flat buffer of parameters or gradients.
    func embedding(_ buffer: UnsafeMutablePointer<Float>) -> ck_embedding {
        ck_embedding(
            observation: buffer + observations.tableOffset, action: buffer + action, reward: buffer + rewardWeight,
            reward_bias: buffer + rewardBias, position: buffer + position, mask: buffer + mask)
    }

    /// Tokens of `rows` transitions, the first of which is number `first` of its window, into
    /// x (rows * tokens a transition, width). Tables with rows of 3D give the first block's projections instead.
    /// `vectors` (rows, width): what an encoder made of the observations.
    @inline(__always)
    func embedForward(
        _ tables: inout ck_embedding, _ tokens: inout ck_tokens, vectors: UnsafePointer<Float>? = nil, rows: Int,
        width: Int, first: Int = 0, into x: UnsafeMutablePointer<Float>
    ) {
        switch settings.tokenLayout {
        case .merged: ck_embed_forward(&tables, &tokens, rows, width, first, x)
        case .separate: ck_embed_separate_forward(&tables, &tokens, rows, width, 3 * first, x)
        }
        let perTransition = settings.tokensPerTransition
        vectors?.add(to: x + (perTransition - 1) * width, stride: perTransition * width, rows: rows, width)
    }

    /// Adds the tokens' gradient dx to the tables' gradients; that of vectors (rows, width) is written.
    @inline(__always)
    func embedBackward(
        _ tables: inout ck_embedding, _ tokens: inout ck_tokens, vectorGradients: UnsafeMutablePointer<Float>?,
        rows: Int, width: Int, from dx: UnsafePointer<Float>
    ) {
        switch settings.tokenLayout {
        case .merged: ck_embed_backward(&tables, &tokens, rows, width, 0, dx)
        case .separate: ck_embed_separate_backward(&tables, &tokens, rows, width, 0, dx)
        }
        let perTransition = settings.tokensPerTransition
        vectorGradients?.take(dx + (perTransition - 1) * width, stride: perTransition * width, rows: rows, width)
    }
}
