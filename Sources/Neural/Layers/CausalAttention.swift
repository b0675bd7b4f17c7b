import CKernels

/// What a query of causal self-attention sees of the tokens up to its own. The default sees all of them; padding is for
/// sequences that begin late in a window, `window` for a sight that moves along.
package struct AttentionSight: Hashable, Sendable {
    /// Leading tokens that no query sees; their own output is 0 and gives no gradient.
    package var padded = 0
    /// A query sees the last `window` tokens, its own among them; 0: all.
    package var window = 0

    package init(padded: Int = 0, window: Int = 0) {
        precondition(padded >= 0 && window >= 0)
        self.padded = padded
        self.window = window
    }

    /// The keys that query `row` sees; none where it is padding.
    ///
    /// With `padded` 2 and `window` 3: rows 0 and 1 see nothing, row 2 sees 2, row 4 sees 2, 3 and 4, row 5 sees 3 to
    /// 5.
    package func keys(of row: Int) -> Range<Int> {
        let first = max(padded, window > 0 ? row + 1 - window : 0)
        return first..<max(first, row + 1)
    }
}

/// Causal self-attention of one head of one sequence: out = dropout(softmax(q k^T / sqrt(d))) v (Vaswani et al. 2017).
///
/// T tokens, model dimension D, head dimension d. Queries, keys and values of the head begin at columns 0, D and 2D of
/// what it is given. The projections before and after it are `Linear` or `Product`.
///
/// It has no memory of its own: the caller keeps `weightsCount` floats for each head of each sequence between the
/// passes and `scratchCount` floats for each thread.
package struct CausalAttention: Sendable {
    /// T, of one sequence. A batch is a loop over sequences and heads in the caller.
    package let tokens: Int
    /// D, which is also the stride from one row of the output to the next.
    package let dimension: Int
    /// d: columns of a head's queries, keys and values. The scores are divided by its square root.
    package let headDimension: Int
    /// Which keys count; the same for every head and for both passes.
    package let sight: AttentionSight

    package init(tokens: Int, dimension: Int, headDimension: Int, sight: AttentionSight = AttentionSight()) {
        self.tokens = tokens
        self.dimension = dimension
        self.headDimension = headDimension
        self.sight = sight
    }

    /// Floats of the weights that the forward pass leaves to the backward pass.
    ///
    /// A square of T by T with both sides rounded up to 16; keys that a query does not see have their places too.
    package var weightsCount: Int { ck_attention_weights(tokens) }
    /// Floats from the weights of one query to those of the next.
    ///
    /// A multiple of 16, so that each query's weights begin on a cache line.
    package static func weightsStride(tokens: Int) -> Int { (tokens + 15) & ~15 }
    /// Floats of scratch that both passes need.
    ///
    /// Scratch is one head's, and may be used again for the next head and by the other pass.
    package var scratchCount: Int { ck_attention_scratch(tokens, headDimension) }

    /// out (T, stride D) at the head's columns from qkv (T, stride 3D), to which `bias` (3D, from the head's first
    /// column) is added in place. `weights` is kept for the backward pass; the sign bit marks a dropped one.
    package func forward(
        _ qkv: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
        weights: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>, dropout: Dropout = .none
    ) {
        withCodes(dropout) {
            ck_attention_forward(qkv, bias, out, weights, scratch, tokens, dimension, headDimension, $0, $1)
        }
    }

    /// dqkv (T, stride 3D) at the head's columns from dout (T, stride D). `qkv` and `weights` as the forward pass left
    /// them, the same dropout.
    package func backward(
        _ dout: UnsafePointer<Float>, qkv: UnsafePointer<Float>, weights: UnsafePointer<Float>,
        into dqkv: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>, dropout: Dropout = .none
    ) {
        withCodes(dropout) {
            ck_attention_backward(qkv, weights, dout, dqkv, scratch, tokens, dimension, headDimension, $0, $1)
        }
    }

    /// One query of one head (d) against keys and values of `count` tokens, (count, stride) each from the head's first
    /// column; writes (d). `scores`: scratch of `count` floats. For acting, row after row.
    package static func query(
        _ query: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>, count: Int,
        stride: Int, headDimension: Int, scores: UnsafeMutablePointer<Float>, into out: UnsafeMutablePointer<Float>
    ) { ck_attention_query(query, keys, values, count, stride, headDimension, scores, out) }

    /// The kernels are faster where there is no mask at all.
    private func withCodes(
        _ dropout: Dropout, _ body: (UnsafePointer<ck_dropout>, UnsafePointer<ck_attention_mask>?) -> Void
    ) {
        withUnsafePointer(to: dropout.code) { dropout in
            guard sight != AttentionSight() else { return body(dropout, nil) }
            withUnsafePointer(to: ck_attention_mask(padded: sight.padded, window: sight.window)) { body(dropout, $0) }
        }
    }
}
