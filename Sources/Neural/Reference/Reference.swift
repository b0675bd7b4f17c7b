import Foundation

/// A number type that the plain reference implementations run in: Float to be compared with the fast path, Double to be
/// compared with finite differences.
package protocol ReferenceScalar: BinaryFloatingPoint, Sendable {
    static func exponential(_ x: Self) -> Self
    static func logarithm(_ x: Self) -> Self
    static func hyperbolicTangent(_ x: Self) -> Self
}

extension Float: ReferenceScalar {
    package static func exponential(_ x: Float) -> Float { exp(x) }
    package static func logarithm(_ x: Float) -> Float { log(x) }
    package static func hyperbolicTangent(_ x: Float) -> Float { tanh(x) }
}

extension Double: ReferenceScalar {
    package static func exponential(_ x: Double) -> Double { exp(x) }
    package static func logarithm(_ x: Double) -> Double { log(x) }
    package static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
}

/// Every layer written like its formula, forward beside backward: what the fast path is tested against.
///
/// Matrices are row-major arrays. A mask holds the factor of every element: 0 or 1 / (1 - p); nil drops nothing.
package enum Reference<Scalar: ReferenceScalar> {
    package typealias Array = [Scalar]
}

// Linear: y (rows, outputs) = x (rows, inputs) W^T + b, W (outputs, inputs).
extension Reference {
    package static func linear(_ x: Array, _ weight: Array, _ bias: Array, inputs: Int) -> Array {
        let outputs = bias.count
        return (0..<(x.count / inputs)).flatMap { row in
            (0..<outputs).map { output in
                (0..<inputs).reduce(bias[output]) { $0 + x[row * inputs + $1] * weight[output * inputs + $1] }
            }
        }
    }

    package static func linearBackward(_ dy: Array, _ x: Array, _ weight: Array, inputs: Int) -> (
        dx: Array, dWeight: Array, dBias: Array
    ) {
        let outputs = weight.count / inputs
        var dx = Array(repeating: 0, count: x.count)
        var dWeight = Array(repeating: 0, count: weight.count)
        var dBias = Array(repeating: 0, count: outputs)
        for row in 0..<(x.count / inputs) {
            for output in 0..<outputs {
                let d = dy[row * outputs + output]
                dBias[output] += d
                for input in 0..<inputs {
                    dx[row * inputs + input] += d * weight[output * inputs + input]
                    dWeight[output * inputs + input] += d * x[row * inputs + input]
                }
            }
        }
        return (dx, dWeight, dBias)
    }
}

// GELU, tanh form: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
extension Reference {
    private static var slope: Scalar { Scalar(0.7978845608028654) }
    private static var cubic: Scalar { Scalar(0.044715) }

    package static func gelu(_ x: Array) -> Array {
        x.map { $0 / 2 * (1 + .hyperbolicTangent(slope * ($0 + cubic * $0 * $0 * $0))) }
    }

    package static func geluBackward(_ dy: Array, _ x: Array) -> Array {
        zip(dy, x).map { d, x in
            let t = Scalar.hyperbolicTangent(slope * (x + cubic * x * x * x))
            return d * ((1 + t) / 2 + x / 2 * (1 - t * t) * slope * (1 + 3 * cubic * x * x))
        }
    }
}

// Residual and normalisation: y = (s - mean) / sqrt(variance + 1e-5) gain + shift, s = residual + mask (z + bias).
extension Reference {
    package static func residualNorm(
        residual: Array, z: Array, bias: Array, gain: Array, shift: Array, mask: Array?
    ) -> Array {
        let (normalised, _) = normalise(residual: residual, z: z, bias: bias, mask: mask)
        let d = bias.count
        return normalised.indices.map { normalised[$0] * gain[$0 % d] + shift[$0 % d] }
    }

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

    package struct ResidualNormGradients {
        package var residual: Array
        package var z: Array
        package var bias: Array
        package var gain: Array
        package var shift: Array
    }

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

// Causal attention of one head: out = (softmax(q k^T / sqrt(d)) mask) v; q, k, v (T, d), mask (T, T).
extension Reference {
    package static func attentionWeights(_ q: Array, _ k: Array, d: Int) -> Array {
        let t = q.count / d
        var weights = Array(repeating: 0, count: t * t)
        for i in 0..<t {
            let scores = (0...i).map { j in
                (0..<d).reduce(Scalar(0)) { $0 + q[i * d + $1] * k[j * d + $1] } / Scalar(d).squareRoot()
            }
            let largest = scores.max() ?? 0
            let exponentials = scores.map { Scalar.exponential($0 - largest) }
            let total = exponentials.reduce(0, +)
            for j in 0...i { weights[i * t + j] = exponentials[j] / total }
        }
        return weights
    }

    package static func attention(_ q: Array, _ k: Array, _ v: Array, d: Int, mask: Array?) -> Array {
        let t = q.count / d
        let weights = attentionWeights(q, k, d: d)
        var out = Array(repeating: 0, count: t * d)
        for i in 0..<t {
            for j in 0...i {
                let weight = weights[i * t + j] * (mask?[i * t + j] ?? 1)
                for c in 0..<d { out[i * d + c] += weight * v[j * d + c] }
            }
        }
        return out
    }

    package static func attentionBackward(_ dout: Array, _ q: Array, _ k: Array, _ v: Array, d: Int, mask: Array?) -> (
        dq: Array, dk: Array, dv: Array
    ) {
        let t = q.count / d
        let p = attentionWeights(q, k, d: d)
        var dq = Array(repeating: 0, count: t * d)
        var dk = dq
        var dv = dq
        for i in 0..<t {
            var dp = Array(repeating: 0, count: i + 1)
            for j in 0...i {
                let factor = mask?[i * t + j] ?? 1
                for c in 0..<d {
                    dp[j] += dout[i * d + c] * v[j * d + c] * factor
                    dv[j * d + c] += dout[i * d + c] * p[i * t + j] * factor
                }
            }
            let mean = (0...i).reduce(Scalar(0)) { $0 + dp[$1] * p[i * t + $1] }
            for j in 0...i {
                let ds = p[i * t + j] * (dp[j] - mean) / Scalar(d).squareRoot()
                for c in 0..<d {
                    dq[i * d + c] += ds * k[j * d + c]
                    dk[j * d + c] += ds * q[i * d + c]
                }
            }
        }
        return (dq, dk, dv)
    }
}

// Cross entropy with label smoothing, summed over the taught rows and multiplied by `scale`.
extension Reference {
    package static func crossEntropy(
        _ logits: Array, targets: [Int], taught: [Bool], smoothing: Scalar, scale: Scalar
    ) -> (loss: Scalar, gradient: Array) {
        let classes = logits.count / targets.count
        var loss: Scalar = 0
        var gradient = Array(repeating: 0, count: logits.count)
        for (row, target) in targets.enumerated() where taught[row] {
            let values = logits[(row * classes)..<((row + 1) * classes)]
            let largest = values.max() ?? 0
            let total = values.reduce(Scalar(0)) { $0 + .exponential($1 - largest) }
            for (k, value) in values.enumerated() {
                let goal = (k == target ? 1 - smoothing : 0) + smoothing / Scalar(classes)
                let logProbability = value - largest - .logarithm(total)
                loss -= scale * goal * logProbability
                gradient[row * classes + k] = scale * (.exponential(logProbability) - goal)
            }
        }
        return (loss, gradient)
    }
}
