import CKernels

/// y = (x - mean) / sqrt(variance + 1e-5) gain + shift over each row of D numbers (Ba et al. 2016; PyTorch's epsilon).
package enum LayerNorm {
    /// y (rows, D). x becomes the normalised x; `inverse` (rows) gets 1 / sqrt(variance + 1e-5).
    ///
    /// Nothing else has to be kept: the normalised rows and `inverse` are all that the backward pass reads.
    package static func forward(
        _ x: UnsafeMutablePointer<Float>, gain: UnsafePointer<Float>, shift: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>, inverse: UnsafeMutablePointer<Float>, rows: Int, dimension: Int
    ) { ck_layer_norm_forward(x, gain, shift, y, inverse, rows, dimension) }

    /// dx (rows, D) from dy, which it may be, and from what the forward pass left in `normalised` and `inverse`; adds
    /// to dGain and dShift (D).
    ///
    /// The gradient of x passes through mean and variance too, which both depend on it.
    package static func backward(
        _ dy: UnsafePointer<Float>, normalised: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
        gain: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>, dGain: UnsafeMutablePointer<Float>,
        dShift: UnsafeMutablePointer<Float>, rows: Int, dimension: Int
    ) { ck_layer_norm_backward(dy, normalised, inverse, gain, dx, dGain, dShift, rows, dimension) }
}

/// What ends each half of a post-norm block: y = layer norm of (residual + dropout(z + bias)).
package enum ResidualNorm {
    /// y (rows, D), which may be `residual`. z (rows, D) becomes the normalised sum; `inverse` (rows) as in
    /// `LayerNorm`.
    ///
    /// Dropout, bias, sum and norm are one pass over memory. `bias` (D) is that of the layer that made z.
    package static func forward(
        residual: UnsafePointer<Float>, _ z: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>,
        gain: UnsafePointer<Float>, shift: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
        inverse: UnsafeMutablePointer<Float>, rows: Int, dimension: Int, dropout: Dropout = .none
    ) {
        withUnsafePointer(to: dropout.code) {
            ck_residual_norm_forward(residual, z, bias, gain, shift, y, inverse, rows, dimension, $0)
        }
    }

    /// dResidual (rows, D), which may be dy, and dz through the dropout; adds to dGain, dShift and dBias (D).
    ///
    /// Both gradients have the same values where nothing is dropped. `dropout` must be that of the forward pass.
    package static func backward(
        _ dy: UnsafePointer<Float>, normalised: UnsafePointer<Float>, inverse: UnsafePointer<Float>,
        gain: UnsafePointer<Float>, dResidual: UnsafeMutablePointer<Float>, dz: UnsafeMutablePointer<Float>,
        dGain: UnsafeMutablePointer<Float>, dShift: UnsafeMutablePointer<Float>, dBias: UnsafeMutablePointer<Float>,
        rows: Int, dimension: Int, dropout: Dropout = .none
    ) {
        withUnsafePointer(to: dropout.code) {
            ck_residual_norm_backward(
                dy, normalised, inverse, gain, dResidual, dz, dGain, dShift, dBias, rows, dimension, $0)
        }
    }
}
