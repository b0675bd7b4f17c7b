// Residual and normalisation: y = (s - mean) / sqrt(variance + 1e-5) gain + shift, s = residual + mask (z + bias).
extension Reference {
    /// y (rows, D) of a residual, z and a mask (rows, D); bias, gain and shift (D).
    ///
    /// What ends each half of a transformer's block with the norm behind the sum (Vaswani et al. 2017).
    package static func residualNorm(
        residual: Array, z: Array, bias: Array, gain: Array, shift: Array, mask: Array?
    ) -> Array {
        let (normalised, _) = normalise(residual: residual, z: z, bias: bias, mask: mask)
        let d = bias.count
        return normalised.indices.map { normalised[$0] * gain[$0 % d] + shift[$0 % d] }
    }

    /// Normalised sums (rows, D) and inverse deviations (rows).
    private static func normalise(residual: Array, z: Array, bias: Array, mask: Array?) -> (Array, Array) {
        let d = bias.count
        let s = z.indices.map { residual[$0] + (z[$0] + bias[$0 % d]) * (mask?[$0] ?? 1) }
        var normalised = Array(repeating: 0, count: s.count)
        var inverses = Array(repeating: 0, count: s.count / d)
        for row in 0..<(s.count / d) {
            let range = (row * d)..<((row + 1) * d)
            let mean = s[range].reduce(0, +) / Scalar(d)
            let variance = s[range].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Scalar(d)
            inverses[row] = 1 / (variance + Scalar(1e-5)).squareRoot()
            for k in range { normalised[k] = (s[k] - mean) * inverses[row] }
        }
        return (normalised, inverses)
    }

    /// Each in the shape of what it belongs to.
    package struct ResidualNormGradients {
        /// (rows, D)
        package var residual: Array
        /// (rows, D): the gradient of the sum times the mask.
        package var z: Array
        /// (D): sums of `z` over the rows.
        package var bias: Array
        /// (D)
        package var gain: Array
        /// (D)
        package var shift: Array
    }

    /// From the gradient dy (rows, D) of the output. That of z passes the mask, that of the residual does not.
    ///
    /// A row's gradient loses its mean and its projection on the normalised row, because both statistics depend on the
    /// row.
    package static func residualNormBackward(
        _ dy: Array, residual: Array, z: Array, bias: Array, gain: Array, mask: Array?
    ) -> ResidualNormGradients {
        let d = bias.count
        let (x, inverses) = normalise(residual: residual, z: z, bias: bias, mask: mask)
        let zero = Array(repeating: 0, count: d)
        var g = ResidualNormGradients(residual: x, z: x, bias: zero, gain: zero, shift: zero)
        for row in 0..<(x.count / d) {
            let range = (row * d)..<((row + 1) * d)
            let mean = range.reduce(Scalar(0)) { $0 + dy[$1] * gain[$1 % d] } / Scalar(d)
            let projection = range.reduce(Scalar(0)) { $0 + dy[$1] * gain[$1 % d] * x[$1] } / Scalar(d)
            for k in range {
                g.gain[k % d] += dy[k] * x[k]
                g.shift[k % d] += dy[k]
                g.residual[k] = inverses[row] * (dy[k] * gain[k % d] - mean - x[k] * projection)
                g.z[k] = g.residual[k] * (mask?[k] ?? 1)
                g.bias[k % d] += g.z[k]
            }
        }
        return g
    }
}

// Layer normalisation alone: the same with a residual of 0.
extension Reference {
    /// x (rows, D); gain and shift (D).
    ///
    /// (x - mean) / sqrt(variance + 1e-5) gain + shift, each row by itself; the variance is divided by D.
    package static func layerNorm(_ x: Array, gain: Array, shift: Array) -> Array {
        let zero = Array(repeating: 0, count: x.count)
        let bias = Array(repeating: 0, count: gain.count)
        return residualNorm(residual: zero, z: x, bias: bias, gain: gain, shift: shift, mask: nil)
    }

    /// From the gradient dy (rows, D) of the output.
    ///
    /// The part of `residualNormBackward` that a sum of z alone leaves.
    package static func layerNormBackward(_ dy: Array, _ x: Array, gain: Array) -> (
        dx: Array, dGain: Array, dShift: Array
    ) {
        let zero = Array(repeating: 0, count: x.count)
        let bias = Array(repeating: 0, count: gain.count)
        let g = residualNormBackward(dy, residual: zero, z: x, bias: bias, gain: gain, mask: nil)
        return (g.z, g.gain, g.shift)
    }
}
