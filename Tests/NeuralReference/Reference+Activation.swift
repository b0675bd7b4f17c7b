// GELU, tanh form: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
extension Reference {
    /// sqrt(2 / pi), inside the hyperbolic tangent.
    private static var slope: Scalar { Scalar(0.7978845608028654) }
    /// The factor of the cube, from Hendrycks and Gimpel's approximation.
    private static var cubic: Scalar { Scalar(0.044715) }

    /// Elements of any shape.
    package static func gelu(_ x: Array) -> Array {
        x.map { $0 / 2 * (1 + .hyperbolicTangent(slope * ($0 + cubic * $0 * $0 * $0))) }
    }

    /// From the gradient of the output and the input of the forward pass.
    package static func geluBackward(_ dy: Array, _ x: Array) -> Array {
        zip(dy, x).map { d, x in
            let t = Scalar.hyperbolicTangent(slope * (x + cubic * x * x * x))
            return d * ((1 + t) / 2 + x / 2 * (1 - t * t) * slope * (1 + 3 * cubic * x * x))
        }
    }
}

// The rectifier max(x, 0).
extension Reference {
    /// Elements of any shape.
    package static func relu(_ x: Array) -> Array { x.map { max($0, 0) } }

    /// 0 where the input is 0, as in PyTorch.
    package static func reluBackward(_ dy: Array, _ x: Array) -> Array { zip(dy, x).map { $1 > 0 ? $0 : 0 } }
}
