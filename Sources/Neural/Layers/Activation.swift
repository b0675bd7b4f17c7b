import CKernels

/// The Gaussian error linear unit in its tanh form, x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), with the bias before
/// it (Hendrycks and Gimpel 2016; PyTorch's `approximate="tanh"`).
package enum GELU {
    /// a (rows, width) += bias; h = gelu(a).
    ///
    /// `a` and `h` are two buffers: the sums with their bias stay in `a`, where the backward pass needs them.
    package static func forward(
        _ a: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>, into h: UnsafeMutablePointer<Float>, rows: Int,
        width: Int
    ) { ck_bias_gelu_forward(a, bias, h, rows, width) }

    /// dh (rows, width) becomes the gradient of a; h is computed again from a, so that it need not be kept; adds to
    /// dBias (width).
    ///
    /// `a` is what the forward pass left, bias included. One fused pass, because both products that follow need `dh`
    /// and `h` while they are in the cache.
    package static func backward(
        _ dh: UnsafeMutablePointer<Float>, a: UnsafePointer<Float>, activated h: UnsafeMutablePointer<Float>,
        dBias: UnsafeMutablePointer<Float>, rows: Int, width: Int
    ) { ck_bias_gelu_backward(a, dh, h, dBias, rows, width) }
}

/// The rectifier max(x, 0).
package enum ReLU {
    /// x (count) = max(x, 0).
    package static func forward(_ x: UnsafeMutablePointer<Float>, count: Int) { ck_rectify(x, count) }

    /// dy (count) becomes the gradient of x: 0 where the output y (count) is 0.
    ///
    /// The output suffices, so that the input may be overwritten in the forward pass.
    package static func backward(_ dy: UnsafeMutablePointer<Float>, output y: UnsafePointer<Float>, count: Int) {
        ck_mlp_activation_backward(y, dy, count, Int32(CK_RECTIFY))
    }
}
