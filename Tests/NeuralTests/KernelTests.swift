import CKernels
import Experience
import Neural
import NeuralReference
import Testing

@Suite("The fused kernels against the plain layers")
struct KernelTests {
    typealias Plain = Reference<Float>

    func dropout(_ probability: Double) -> ck_dropout {
        ck_dropout(
            key0: 11, key1: 22, site: 3, sequence: 4, step: 5, threshold: UInt32(probability * 65536),
            scale: Float(1 / (1 - probability)))
    }

    /// The factors that a dropout applies to `count` elements.
    func mask(_ dropout: ck_dropout, _ count: Int) -> [Float] {
        var dropout = dropout
        var ones = [Float](repeating: 1, count: count)
        ck_dropout_apply(&dropout, &ones, count)
        return ones
    }

    @Test("the vectorised Philox gives the words of the scalar one")
    func philox() {
        var dropout = dropout(0.5)
        var words = [UInt32](repeating: 0, count: 64)
        ck_philox(&dropout, 9, &words)
        let scalar = Philox(key0: 11, key1: 22)
        for lane in 0..<16 {
            let expected = scalar.block(UInt32(9 * 16 + lane), 3, 4, 5)
            #expect(Array(words[(4 * lane)..<(4 * lane + 4)]) == [expected.x, expected.y, expected.z, expected.w])
        }
    }

    @Test("dropout drops the share that it is asked to drop", arguments: [0.1, 0.5])
    func share(probability: Double) {
        let factors = mask(dropout(probability), 100_000)
        let dropped = Double(factors.count { $0 == 0 }) / 100_000
        #expect(abs(dropped - probability) < 0.006)
        #expect(factors.allSatisfy { $0 == 0 || abs($0 - Float(1 / (1 - probability))) < 1e-4 })
    }

    @Test("residual, dropout and layer norm", arguments: [(5, 64, 0.0), (9, 48, 0.3), (7, 24, 0.3), (3, 7, 0.5)])
    func residualNorm(rows: Int, d: Int, probability: Double) {
        let n = rows * d
        let (residual, z, dy) = (
            floats(numbers(n, seed: 1)), floats(numbers(n, seed: 2)), floats(numbers(n, seed: 3))
        )
        let (bias, gain, shift) = (
            floats(numbers(d, seed: 4)), floats(numbers(d, seed: 5)), floats(numbers(d, seed: 6))
        )
        var dropout = dropout(probability)
        let mask = probability > 0 ? mask(dropout, n) : nil
        var (normalised, y, inverse) = (z, z, [Float](repeating: 0, count: rows))
        ck_residual_norm_forward(residual, &normalised, bias, gain, shift, &y, &inverse, rows, d, &dropout)
        expectClose(
            y, Plain.residualNorm(residual: residual, z: z, bias: bias, gain: gain, shift: shift, mask: mask))
        var (dresidual, dz) = (z, z)
        let zero = [Float](repeating: 0, count: d)
        var (dgain, dshift, dbias) = (zero, zero, zero)
        ck_residual_norm_backward(
            dy, normalised, inverse, gain, &dresidual, &dz, &dgain, &dshift, &dbias, rows, d, &dropout)
        let expected = Plain.residualNormBackward(dy, residual: residual, z: z, bias: bias, gain: gain, mask: mask)
        expectClose(dresidual, expected.residual)
        expectClose(dz, expected.z)
        expectClose(dgain, expected.gain)
        expectClose(dshift, expected.shift)
        expectClose(dbias, expected.bias)
    }

    @Test("bias and GELU", arguments: [(3, 64), (4, 21)])
    func gelu(rows: Int, width: Int) {
        let n = rows * width
        let (x, bias, dh) = (
            floats(numbers(n, seed: 7, scale: 3)), floats(numbers(width, seed: 8)), floats(numbers(n, seed: 9))
        )
        let biased = x.indices.map { x[$0] + bias[$0 % width] }
        var (a, h) = (x, x)
        ck_bias_gelu_forward(&a, bias, &h, rows, width)
        expectClose(a, biased)
        expectClose(h, Plain.gelu(biased))
        var da = dh
        var again = [Float](repeating: 0, count: n)
        var dbias = [Float](repeating: 1, count: width)
        ck_bias_gelu_backward(a, &da, &again, &dbias, rows, width)
        let expected = Plain.geluBackward(dh, biased)
        expectClose(da, expected)
        expectClose(again, h)
        expectClose(
            dbias, (0..<width).map { c in (0..<rows).reduce(1) { $0 + expected[$1 * width + c] } })
    }

    @Test("cross entropy with label smoothing", arguments: [Float(0), 0.1])
    func crossEntropy(smoothing: Float) {
        let logits = floats(numbers(30, seed: 16, scale: 3))
        let targets: [Int32] = [0, 4, 2, 1, 3, 0]
        let taught: [UInt8] = [1, 1, 0, 1, 1, 0]
        var gradient = logits
        var nats = 0.0
        let objective = ck_cross_entropy(&gradient, targets, taught, 6, 5, smoothing, 0.25, &nats)
        func plain(_ smoothing: Float) -> (loss: Float, gradient: [Float]) {
            Plain.crossEntropy(
                logits, targets: targets.map(Int.init), taught: taught.map { $0 == 1 }, smoothing: smoothing,
                scale: 0.25)
        }
        expectClose(gradient, plain(smoothing).gradient)
        expectClose([Float(objective) * 0.25, Float(nats) * 0.25], [plain(smoothing).loss, plain(0).loss])
    }

    @Test("linear layers by OpenBLAS")
    func linear() {
        let (x, w, dy) = (
            floats(numbers(35, seed: 17)), floats(numbers(21, seed: 18)), floats(numbers(15, seed: 19))
        )
        var y = dy
        Linear.forward(x, weight: w, into: &y, rows: 5, inputs: 7, outputs: 3)
        expectClose(y, Plain.linear(x, w, [0, 0, 0], inputs: 7))
        let expected = Plain.linearBackward(dy, x, w, inputs: 7)
        var (dx, dw) = (x, w)
        Linear.inputGradient(dy, weight: w, into: &dx, rows: 5, inputs: 7, outputs: 3)
        Linear.weightGradient(dy, x, into: &dw, rows: 5, inputs: 7, outputs: 3)
        expectClose(dx, expected.dx)
        expectClose(dw, zip(w, expected.dWeight).map { $0 + $1 })
    }

    @Test("layer norm alone", arguments: [(5, 64), (3, 7)])
    func layerNorm(rows: Int, d: Int) {
        let (x, dy) = (floats(numbers(rows * d, seed: 20)), floats(numbers(rows * d, seed: 21)))
        let (gain, shift) = (floats(numbers(d, seed: 22)), floats(numbers(d, seed: 23)))
        var (normalised, y, inverse) = (x, x, [Float](repeating: 0, count: rows))
        LayerNorm.forward(
            &normalised, gain: gain, shift: shift, into: &y, inverse: &inverse, rows: rows, dimension: d)
        expectClose(y, Plain.layerNorm(x, gain: gain, shift: shift))
        var (dx, dGain, dShift) = (x, gain, shift)
        LayerNorm.backward(
            dy, normalised: normalised, inverse: inverse, gain: gain, into: &dx, dGain: &dGain, dShift: &dShift,
            rows: rows, dimension: d)
        let expected = Plain.layerNormBackward(dy, x, gain: gain)
        expectClose(dx, expected.dx)
        expectClose(dGain, zip(gain, expected.dGain).map { $0 + $1 })
        expectClose(dShift, zip(shift, expected.dShift).map { $0 + $1 })
    }

    @Test("embedding, whose rows may come several times")
    func embedding() {
        let (table, dy) = (floats(numbers(15, seed: 24)), floats(numbers(18, seed: 25)))
        let indices: [Int32] = [4, 0, 4, 2, 4, 0]
        var (y, dTable) = (dy, table)
        Embedding.forward(indices, table: table, into: &y, count: 6, dimension: 3)
        Embedding.backward(dy, indices: indices, into: &dTable, count: 6, dimension: 3)
        let rows = indices.map(Int.init)
        #expect(y == Plain.embedding(rows, table, dimension: 3))
        let expected = Plain.embeddingBackward(dy, rows, vocabulary: 5, dimension: 3)
        expectClose(dTable, zip(table, expected).map { $0 + $1 })
    }

    @Test("ReLU")
    func relu() {
        let (x, dy) = (floats(numbers(37, seed: 26)), floats(numbers(37, seed: 27)))
        var (y, dx) = (x, dy)
        ReLU.forward(&y, count: 37)
        ReLU.backward(&dx, output: y, count: 37)
        #expect(y == Plain.relu(x))
        #expect(dx == Plain.reluBackward(dy, x))
    }

    @Test(
        "a dropout is its mask, however it is called: whole, in rows, or in rows that lie apart", arguments: [16, 21])
    func dropout(width: Int) {
        let dropout = Dropout(probability: 0.3, key: (11, 22), site: 3, sequence: 4, step: 5)
        let (rows, stride, padded) = (6, width + 9, (width + 15) / 16 * 16)
        let x = floats(numbers(rows * stride, seed: 28))
        var mask = [Float](repeating: 1, count: rows * padded)
        dropout.apply(&mask, count: rows * padded)
        var (apart, expected) = (x, x)
        dropout.apply(&apart, rows: rows, width: width, stride: stride)
        for row in 0..<rows {
            for column in 0..<width { expected[row * stride + column] *= mask[row * padded + column] }
        }
        #expect(apart == expected)
        #expect(mask.contains(0) && mask.contains(dropout.code.scale) && Set(mask).count == 2)
        let begin = floats(numbers(40, seed: 29))
        var short = begin
        dropout.apply(&short, count: 40)
        #expect(short == Plain.dropout(begin, mask: Array(mask.prefix(40))))
    }
}
