import Foundation
import Neural
import Testing

@Suite("The layers against PyTorch")
struct LayerGoldenTests {
    struct Description: Decodable {
        let indices: [Int32]
        let heads: Int
        let padded: [Int]
        let windows: [Int]
        let targets: [Int32]
        let smoothings: [Float]
        let losses: [Double]
    }

    let golden: GoldenFile<Description>

    init() throws { golden = try GoldenFile("layers") }

    func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }

    @Test("linear with bias")
    func linear() throws {
        let (x, weight, dy) = (try golden("linear.input"), try golden("linear.weight"), try golden("linear.dy"))
        var (y, dx, dWeight, dBias) = (zeros(21), zeros(35), zeros(15), zeros(3))
        Linear.forward(x, weight: weight, into: &y, rows: 7, inputs: 5, outputs: 3)
        Linear.addBias(try golden("linear.bias"), to: &y, rows: 7, outputs: 3)
        Linear.inputGradient(dy, weight: weight, into: &dx, rows: 7, inputs: 5, outputs: 3)
        Linear.weightGradient(dy, x, into: &dWeight, rows: 7, inputs: 5, outputs: 3)
        Linear.biasGradient(dy, into: &dBias, rows: 7, outputs: 3)
        expectOutputs(y, try golden("linear.y"))
        expectGradients(dx, try golden("linear.dinput"))
        expectGradients(dWeight, try golden("linear.dweight"))
        expectGradients(dBias, try golden("linear.dbias"))
    }

    @Test("embedding")
    func embedding() throws {
        let indices = golden.description.indices
        var (y, dTable) = (zeros(9 * 5), zeros(6 * 5))
        Embedding.forward(indices, table: try golden("embedding.weight"), into: &y, count: 9, dimension: 5)
        Embedding.backward(try golden("embedding.dy"), indices: indices, into: &dTable, count: 9, dimension: 5)
        #expect(y == (try golden("embedding.y")))
        expectGradients(dTable, try golden("embedding.dweight"))
    }

    @Test("layer norm, alone and behind a residual")
    func layerNorm() throws {
        for layer in ["layerNorm", "residualNorm"] {
            let (gain, shift) = (try golden("\(layer).gain"), try golden("\(layer).shift"))
            let (rows, d, dy) = (4, 19, try golden("\(layer).dy"))
            var (y, inverse, dx, dz) = (zeros(rows * d), zeros(rows), zeros(rows * d), zeros(rows * d))
            var (dGain, dShift, dBias) = (zeros(d), zeros(d), zeros(d))
            if layer == "layerNorm" {
                var x = try golden("layerNorm.x")
                LayerNorm.forward(
                    &x, gain: gain, shift: shift, into: &y, inverse: &inverse, rows: rows, dimension: d)
                LayerNorm.backward(
                    dy, normalised: x, inverse: inverse, gain: gain, into: &dx, dGain: &dGain, dShift: &dShift,
                    rows: rows, dimension: d)
                expectGradients(dx, try golden("layerNorm.dx"))
            } else {
                var z = try golden("residualNorm.z")
                ResidualNorm.forward(
                    residual: try golden("residualNorm.residual"), &z, bias: try golden("residualNorm.bias"),
                    gain: gain, shift: shift, into: &y, inverse: &inverse, rows: rows, dimension: d)
                ResidualNorm.backward(
                    dy, normalised: z, inverse: inverse, gain: gain, dResidual: &dx, dz: &dz, dGain: &dGain,
                    dShift: &dShift, dBias: &dBias, rows: rows, dimension: d)
                expectGradients(dx, try golden("residualNorm.dresidual"))
                expectGradients(dz, try golden("residualNorm.dz"))
                expectGradients(dBias, try golden("residualNorm.dbias"))
            }
            expectOutputs(y, try golden("\(layer).y"))
            expectGradients(dGain, try golden("\(layer).dgain"))
            expectGradients(dShift, try golden("\(layer).dshift"))
        }
    }

    @Test("GELU behind a bias, and ReLU")
    func activations() throws {
        let (rows, width) = (6, 21)
        var (a, h, again, dBias) = (try golden("gelu.x"), zeros(126), zeros(126), zeros(width))
        var da = try golden("gelu.dy")
        GELU.forward(&a, bias: try golden("gelu.bias"), into: &h, rows: rows, width: width)
        GELU.backward(&da, a: a, activated: &again, dBias: &dBias, rows: rows, width: width)
        expectOutputs(h, try golden("gelu.y"))
        expectGradients(da, try golden("gelu.dx"))
        expectGradients(dBias, try golden("gelu.dbias"))
        var (y, dy) = (try golden("relu.input"), try golden("relu.dy"))
        ReLU.forward(&y, count: 37)
        ReLU.backward(&dy, output: y, count: 37)
        #expect(y == (try golden("relu.y")))
        #expect(dy == (try golden("relu.dinput")))
    }

    @Test("causal self-attention with padding and windows", arguments: 0..<4)
    func attention(index: Int) throws {
        let name = "attention.\(index)"
        let shape = try golden.shape("\(name).qkv")
        let (tokens, d, heads) = (shape[0], shape[1] / 3, golden.description.heads)
        let attention = CausalAttention(
            tokens: tokens, dimension: d, headDimension: d / heads,
            sight: AttentionSight(
                padded: golden.description.padded[index], window: golden.description.windows[index]))
        let (qkv, bias) = (buffer(try golden("\(name).qkv")), buffer(try golden("\(name).bias")))
        let (out, dout) = (FloatBuffer(tokens * d), buffer(try golden("\(name).dy")))
        let dqkv = FloatBuffer(tokens * 3 * d)
        let (weights, scratch) = (FloatBuffer(attention.weightsCount), FloatBuffer(attention.scratchCount))
        for column in stride(from: 0, to: d, by: d / heads) {
            attention.forward(
                qkv.start + column, bias: bias.start + column, into: out.start + column, weights: weights.start,
                scratch: scratch.start)
            attention.backward(
                dout.start + column, qkv: qkv.start + column, weights: weights.start, into: dqkv.start + column,
                scratch: scratch.start)
        }
        var dBias = zeros(3 * d)
        Linear.biasGradient(dqkv.start, into: &dBias, rows: tokens, outputs: 3 * d)
        expectOutputs(out.values, try golden("\(name).y"))
        expectGradients(dqkv.values, try golden("\(name).dqkv"))
        // The bias of the keys has no effect on softmax, so that its gradient is rounding in both.
        expectGradients(dBias, try golden("\(name).dbias"))
    }

    @Test("cross entropy with label smoothing and rows that are not taught", arguments: 0..<2)
    func crossEntropy(index: Int) throws {
        let taught: [UInt8] = golden.description.targets.map { $0 >= 0 ? 1 : 0 }
        let rows = taught.reduce(0) { $0 + Int($1) }
        var gradient = try golden("crossEntropy.\(index).logits")
        let sums = CrossEntropy.forwardBackward(
            &gradient, targets: golden.description.targets.map { max($0, 0) }, taught: taught, rows: 6, classes: 5,
            smoothing: golden.description.smoothings[index], scale: 1 / Float(rows))
        #expect(abs(sums.objective / Double(rows) - golden.description.losses[index]) < 1e-5)
        expectGradients(gradient, try golden("crossEntropy.\(index).dlogits"))
    }
}

@Suite("The optimiser against PyTorch")
struct OptimiserGoldenTests {
    struct Description: Decodable {
        let start: Double
        let peak: Double
        let final: Double
        let warmup: Int
        let steps: Int
        let clip: Double
        let beta1: Double
        let beta2: Double
        let epsilon: Double
        let rates: [Double]
        let norms: [Double]
    }

    @Test("twenty steps of Adam with clipping under a cosine schedule with linear warm-up")
    func steps() throws {
        let golden = try GoldenFile<Description>("optimiser")
        let d = golden.description
        let schedule = CosineSchedule(
            start: d.start, peak: d.peak, final: d.final, warmupSteps: d.warmup, steps: d.steps)
        let adam = Adam(beta1: d.beta1, beta2: d.beta2, epsilon: d.epsilon)
        let parameters = buffer(try golden("before"))
        let (first, second) = (FloatBuffer(parameters.count), FloatBuffer(parameters.count))
        #expect(d.norms.contains { $0 > d.clip } && d.norms.contains { $0 < d.clip })
        for step in 0..<d.steps {
            let number = String(format: "%02d", step)
            let gradient = buffer(try golden("gradient.\(number)"))
            let size = norm(of: gradient)
            #expect(abs(size - d.norms[step]) < 1e-5 * size)
            let rate = schedule.rate(step: step)
            #expect(abs(rate - d.rates[step]) < 1e-9, "step \(step)")
            adam.update(
                parameters, gradient: gradient, first: first, second: second, range: 0..<parameters.count,
                step: step + 1, rate: rate, gradientScale: Adam.clipScale(norm: size, limit: d.clip))
            expectOutputs(parameters.values, try golden("after.\(number)"), "step \(step)")
        }
    }
}
