import Neural
import NeuralReference
import Testing

@Suite("The plain layers against finite differences in Double")
struct ReferenceTests {
    typealias Plain = Reference<Double>

    @Test("linear")
    func linear() {
        let (x, w, b, g) = (numbers(15, seed: 1), numbers(20, seed: 2), numbers(4, seed: 3), numbers(12, seed: 4))
        let gradients = Plain.linearBackward(g, x, w, inputs: 5)
        expectGradient(gradients.dx, of: x) { dot(g, Plain.linear($0, w, b, inputs: 5)) }
        expectGradient(gradients.dWeight, of: w) { dot(g, Plain.linear(x, $0, b, inputs: 5)) }
        expectGradient(gradients.dBias, of: b) { dot(g, Plain.linear(x, w, $0, inputs: 5)) }
    }

    @Test("GELU")
    func gelu() {
        let (x, g) = (numbers(40, seed: 5, scale: 2), numbers(40, seed: 6))
        expectGradient(Plain.geluBackward(g, x), of: x) { dot(g, Plain.gelu($0)) }
    }

    @Test("ReLU, embedding, dropout and layer norm alone")
    func plainLayers() {
        let (x, g) = (numbers(12, seed: 20), numbers(12, seed: 21))
        expectGradient(Plain.reluBackward(g, x), of: x) { dot(g, Plain.relu($0)) }
        let mask = numbers(12, seed: 22).map { $0 > 0 ? 2.0 : 0 }
        expectGradient(Plain.dropout(g, mask: mask), of: x) { dot(g, Plain.dropout($0, mask: mask)) }
        let table = numbers(9, seed: 23)
        expectGradient(Plain.embeddingBackward(g, [2, 0, 2, 2], vocabulary: 3, dimension: 3), of: table) {
            dot(g, Plain.embedding([2, 0, 2, 2], $0, dimension: 3))
        }
        let (gain, shift) = (numbers(4, seed: 24), numbers(4, seed: 25))
        let d = Plain.layerNormBackward(g, x, gain: gain)
        expectGradient(d.dx, of: x) { dot(g, Plain.layerNorm($0, gain: gain, shift: shift)) }
        expectGradient(d.dGain, of: gain) { dot(g, Plain.layerNorm(x, gain: $0, shift: shift)) }
        expectGradient(d.dShift, of: shift) { dot(g, Plain.layerNorm(x, gain: gain, shift: $0)) }
    }

    @Test("residual, dropout and layer norm", arguments: [false, true])
    func residualNorm(drops: Bool) {
        let (r, z, g) = (numbers(21, seed: 7), numbers(21, seed: 8), numbers(21, seed: 9))
        let (bias, gain, shift) = (numbers(7, seed: 10), numbers(7, seed: 11), numbers(7, seed: 12))
        let mask: [Double]? = drops ? numbers(21, seed: 13).map { $0 > 0 ? 2 : 0 } : nil
        func loss(_ r: [Double], _ z: [Double], _ bias: [Double], _ gain: [Double], _ shift: [Double]) -> Double {
            dot(g, Plain.residualNorm(residual: r, z: z, bias: bias, gain: gain, shift: shift, mask: mask))
        }
        let d = Plain.residualNormBackward(g, residual: r, z: z, bias: bias, gain: gain, mask: mask)
        expectGradient(d.residual, of: r) { loss($0, z, bias, gain, shift) }
        expectGradient(d.z, of: z) { loss(r, $0, bias, gain, shift) }
        expectGradient(d.bias, of: bias) { loss(r, z, $0, gain, shift) }
        expectGradient(d.gain, of: gain) { loss(r, z, bias, $0, shift) }
        expectGradient(d.shift, of: shift) { loss(r, z, bias, gain, $0) }
    }

    @Test(
        "causal attention, with dropout, padding and windows",
        arguments: [false, true],
        [AttentionSight(), AttentionSight(padded: 2), AttentionSight(window: 2), AttentionSight(padded: 1, window: 3)])
    func attention(drops: Bool, sight: AttentionSight) {
        let (q, k) = (numbers(18, seed: 14), numbers(18, seed: 15))
        let (v, g) = (numbers(18, seed: 16), numbers(18, seed: 17))
        let mask: [Double]? = drops ? numbers(36, seed: 18).map { $0 > 0 ? 2 : 0 } : nil
        func loss(_ q: [Double], _ k: [Double], _ v: [Double]) -> Double {
            dot(g, Plain.attention(q, k, v, d: 3, mask: mask, sight: sight))
        }
        let d = Plain.attentionBackward(g, q, k, v, d: 3, mask: mask, sight: sight)
        expectGradient(d.dq, of: q) { loss($0, k, v) }
        expectGradient(d.dk, of: k) { loss(q, $0, v) }
        expectGradient(d.dv, of: v) { loss(q, k, $0) }
        let out = Plain.attention(q, k, v, d: 3, mask: mask, sight: sight)
        #expect(out.prefix(3 * sight.padded).allSatisfy { $0 == 0 })
    }

    @Test("cross entropy with label smoothing", arguments: [0.0, 0.1])
    func crossEntropy(smoothing: Double) {
        let x = numbers(20, seed: 19)
        func loss(_ x: [Double]) -> (loss: Double, gradient: [Double]) {
            Plain.crossEntropy(
                x, targets: [0, 4, 2, 1], taught: [true, true, false, true], smoothing: smoothing, scale: 0.3)
        }
        expectGradient(loss(x).gradient, of: x) { loss($0).loss }
    }
}
