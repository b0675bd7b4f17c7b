import CKernels
import Neural

/// The sizes are those of one sequence of 100 transitions through the model of the paper's Table 1, and of 50 actors of
/// its Table 4.
extension KernelBenchmark {
    /// Tokens of the sequence: one a transition.
    private static let rows = 100
    /// The model dimension, D.
    private static let dimension = 64
    /// Columns of one of four heads.
    private static let headDimension = 16
    /// Hidden units that the MLP activates at a time.
    private static let panel = FeedForward.panelWidth
    /// Rows of the acting network's kernels.
    private static let actors = 50

    /// A buffer of made-up numbers between -1/2 and 1/2, the same at every call.
    static func noise(_ count: Int) -> FloatBuffer {
        let buffer = FloatBuffer(count)
        buffer.fillWithNoise()
        return buffer
    }

    /// The products around a block's attention, forward and both gradients, and its MLP with the activation, whose work
    /// is that of its products. `qkv` has 64 inputs and 192 outputs, `out` 64 and 64. The input's gradient is dY W and
    /// the weight's is dY^T X, so all three products of a layer cost the same 2 * rows * inputs * outputs operations.
    static var products: [Case] {
        [("qkv", 3 * dimension), ("out", dimension)].flatMap { name, outputs in
            [
                product("\(name)-forward", outputs) { x, weight, y in
                    Product.plain(
                        x, stride: dimension, weight, stride: outputs, into: y, stride: outputs, rows: rows,
                        columns: outputs, depth: dimension)
                },
                product("\(name)-input-gradient", outputs) { x, weight, y in
                    Product.plain(
                        y, stride: outputs, weight, stride: dimension, into: x, stride: dimension, rows: rows,
                        columns: dimension, depth: outputs)
                },
                product("\(name)-weight-gradient", outputs) { x, weight, y in
                    Product.transposed(
                        y, stride: outputs, x, stride: dimension, addingTo: weight, stride: dimension, rows: outputs,
                        columns: dimension, depth: rows)
                },
            ]
        } + [256, 2048].flatMap { [feedForward($0, isBackward: false), feedForward($0, isBackward: true)] }
    }

    /// `body` is given x (rows, D), a weight of D times `outputs` floats, and y (rows, outputs). All three products of
    /// a layer have these sizes and overwrite or add to one of the three.
    private static func product(
        _ name: String, _ outputs: Int,
        _ body:
            @escaping (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) ->
            Void
    ) -> Case {
        Case(
            name, ["rows": .init(rows), "inputs": .init(dimension), "outputs": .init(outputs)],
            operations: 2 * rows * dimension * outputs
        ) {
            let (x, weight, y) = (noise(rows * dimension), noise(outputs * dimension), noise(rows * outputs))
            return { body(x.start, weight.start, y.start) }
        }
    }

    /// The MLP with `hidden` units on all rows: two products forward, four backward. Backward has four products: the
    /// gradients of both inputs and of both weights. The weights are packed once before, as a trainer does once a step.
    private static func feedForward(_ hidden: Int, isBackward: Bool) -> Case {
        let products = isBackward ? 4 : 2
        return Case(
            "feed-forward-\(hidden)-\(isBackward ? "backward" : "forward")",
            ["rows": .init(rows), "dimension": .init(dimension), "hidden": .init(hidden)],
            operations: products * 2 * rows * dimension * hidden
        ) {
            let layer = FeedForward(dimension: dimension, hidden: hidden)
            let size = dimension * hidden
            let (x, y, dx) = (noise(rows * dimension), noise(rows * dimension), noise(rows * dimension))
            let (w1, w2, bias) = (noise(size), noise(size), noise(hidden))
            let (dW1, dW2, dBias) = (noise(size), noise(size), noise(hidden))
            let packs = (noise(size), noise(size), noise(size))
            let scratch = (noise(rows * FeedForward.panelWidth), noise(rows * FeedForward.panelWidth))
            let kept = noise(rows * hidden)
            let packed = FeedForward.Packed(
                firstPanels: packs.0.start, secondTransposed: packs.1.start, secondPanels: packs.2.start)
            layer.pack(w1.start, w2.start, into: packed)
            return {
                withExtendedLifetime((packs, w2)) {
                    if isBackward {
                        layer.backward(
                            y.start, x: x.start, w1: w1.start, packed, kept: kept.start, activated: scratch.0.start,
                            gradient: scratch.1.start, dW1: dW1.start, dBias: dBias.start, dW2: dW2.start,
                            addingTo: dx.start, rows: rows)
                    } else {
                        layer.forward(
                            x.start, packed, bias: bias.start, kept: kept.start, activated: scratch.0.start,
                            into: y.start, rows: rows)
                    }
                }
            }
        }
    }

    /// One head of one sequence, with half of the weights dropped. Its work is that of its products, the half of them
    /// at or below the diagonal.
    static var attention: [Case] {
        [100, 300].flatMap { [attention($0, isBackward: false), attention($0, isBackward: true)] }
    }

    /// One head over `tokens` tokens: two causal products forward, four backward. Forward they are the scores and the
    /// weighted values. A forward pass runs once before a backward pass is timed, which reads its weights.
    private static func attention(_ tokens: Int, isBackward: Bool) -> Case {
        let product = tokens * (tokens + 1) * headDimension
        return Case(
            "attention-\(tokens)-\(isBackward ? "backward" : "forward")",
            ["tokens": .init(tokens), "head_dimension": .init(headDimension), "dropout": 0.5],
            operations: (isBackward ? 4 : 2) * product
        ) {
            let layer = CausalAttention(tokens: tokens, dimension: dimension, headDimension: headDimension)
            let dropout = dropout(0.5)
            let (projected, gradient) = (noise(tokens * 3 * dimension), noise(tokens * 3 * dimension))
            let (bias, out) = (FloatBuffer(3 * dimension), noise(tokens * dimension))
            let (weights, scratch) = (FloatBuffer(layer.weightsCount), FloatBuffer(layer.scratchCount))
            func forward() {
                layer.forward(
                    projected.start, bias: bias.start, into: out.start, weights: weights.start, scratch: scratch.start,
                    dropout: dropout)
            }
            forward()
            guard isBackward else { return forward }
            return {
                layer.backward(
                    out.start, qkv: projected.start, weights: weights.start, into: gradient.start,
                    scratch: scratch.start, dropout: dropout)
            }
        }
    }

    /// A dropout with a key of no particular kind. Its masks are drawn anew in each call of a kernel, so their cost is
    /// part of what is timed.
    private static func dropout(_ probability: Double) -> Dropout {
        Dropout(probability: probability, key: (1, 2), site: 3, sequence: 4, step: 5)
    }

    /// Loops over elements.
    static var elementwise: [Case] {
        [residualNormForward, residualNormBackward, geluForward, geluBackward, adam, crossEntropy]
    }

    /// What both residual normalisations say of themselves.
    private static let normConfiguration: [String: BenchmarkResult.Setting] = [
        "rows": .init(rows), "dimension": .init(dimension), "dropout": 0.1,
    ]

    /// 11 operations an element: bias, dropout, residual, mean, variance, normalisation, gain and shift.
    private static var residualNormForward: Case {
        Case(
            "residual-norm-forward", normConfiguration, operations: 11 * rows * dimension
        ) {
            let (residual, z, y) = (noise(rows * dimension), noise(rows * dimension), noise(rows * dimension))
            let (bias, gain, shift, inverse) = (noise(dimension), noise(dimension), noise(dimension), noise(rows))
            let dropout = dropout(0.1)
            return {
                withUnsafePointer(to: dropout.code) {
                    ck_residual_norm_forward(
                        residual.start, z.start, bias.start, gain.start, shift.start, y.start, inverse.start, rows,
                        dimension, $0)
                }
            }
        }
    }

    /// 14 operations an element: gradients of the normalisation, gain, shift, dropout and bias, added to the
    /// residual's.
    private static var residualNormBackward: Case {
        Case(
            "residual-norm-backward", normConfiguration, operations: 14 * rows * dimension
        ) {
            let (dy, normalised) = (noise(rows * dimension), noise(rows * dimension))
            let (residual, branch) = (noise(rows * dimension), noise(rows * dimension))
            let (inverse, gain) = (noise(rows), noise(dimension))
            let (dgain, dshift, dbias) = (noise(dimension), noise(dimension), noise(dimension))
            let dropout = dropout(0.1)
            return {
                withUnsafePointer(to: dropout.code) {
                    ck_residual_norm_backward(
                        dy.start, normalised.start, inverse.start, gain.start, residual.start, branch.start,
                        dgain.start,
                        dshift.start, dbias.start, rows, dimension, $0)
                }
            }
        }
    }

    /// 10 operations an element of a panel: the bias and GELU's tanh approximation, written as a * sigmoid(2u) with one
    /// exponential.
    private static var geluForward: Case {
        Case(
            "bias-gelu-forward", ["rows": .init(rows), "width": .init(panel)], operations: 10 * rows * panel
        ) {
            let (a, bias, h) = (noise(rows * panel), FloatBuffer(panel), noise(rows * panel))
            return { ck_bias_gelu_forward(a.start, bias.start, h.start, rows, panel) }
        }
    }

    /// 18 operations an element: GELU once more, since only its argument was kept, its derivative, and the bias's
    /// gradient.
    private static var geluBackward: Case {
        Case(
            "bias-gelu-backward", ["rows": .init(rows), "width": .init(panel)], operations: 18 * rows * panel
        ) {
            let (a, gradient, h, dbias) = (
                noise(rows * panel), noise(rows * panel), noise(rows * panel), FloatBuffer(panel)
            )
            return {
                // It works in place and would make its gradient ever smaller, down to numbers that are slow.
                gradient.start.update(repeating: 0.5, count: rows * panel)
                ck_bias_gelu_backward(a.start, gradient.start, h.start, dbias.start, rows, panel)
            }
        }
    }

    /// About as many parameters as the model of Table 1 has. Adam's four arrays of that length are 18 MB.
    private static let parameterCount = 1_132_000

    /// 14 operations a parameter, on one thread: both moments, their corrections, the root, the quotient and the step.
    private static var adam: Case {
        Case("adam", ["parameters": .init(parameterCount)], operations: 14 * parameterCount) {
            let (parameters, gradient) = (noise(parameterCount), noise(parameterCount))
            let (first, second) = (FloatBuffer(parameterCount), FloatBuffer(parameterCount))
            let optimiser = Adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-8)
            return {
                // It leaves the gradient zero, and moments that only shrink become slow.
                gradient.start.update(repeating: 0.01, count: parameterCount)
                optimiser.update(
                    parameters, gradient: gradient, first: first, second: second, range: 0..<parameterCount, step: 100,
                    rate: 1e-4)
            }
        }
    }

    /// The logits are copied anew for each call, since the kernel puts their gradient in their place. 100 rows of five
    /// classes, label smoothing 0.1.
    private static var crossEntropy: Case {
        Case(
            "cross-entropy", ["rows": .init(rows), "classes": 5], operations: 8 * rows * 5
        ) {
            let (original, logits) = (noise(rows * 5), FloatBuffer(rows * 5))
            let targets = (0..<rows).map { Int32($0 % 5) }
            let taught = [UInt8](repeating: 1, count: rows)
            return {
                var nats = 0.0
                logits.copy(from: original)
                _ = ck_cross_entropy(logits.start, targets, taught, rows, 5, 0.1, 0.01, &nats)
            }
        }
    }

    /// The acting network: one layer, and all of it.
    static var perceptron: [Case] { [perceptronProduct, perceptronForward] }

    /// One hidden layer with its bias and rectification; its work is that of the product.
    private static var perceptronProduct: Case {
        Case(
            "perceptron-product", ["rows": .init(actors), "inputs": 128, "outputs": 128],
            operations: 2 * actors * 128 * 128
        ) {
            let (x, weight, y, bias) = (noise(actors * 128), noise(128 * 128), noise(actors * 128), noise(128))
            return {
                ck_product(
                    x.start, 128, 1, weight.start, 128, y.start, 128, actors, 128, 128, bias.start, 0, Int32(CK_RECTIFY)
                )
            }
        }
    }

    /// The first layer adds two rows of its weight, which is all the work that there is. Two components of nine values
    /// are the one-hot observation; then come two hidden layers of 128 by 128, and six outputs: five actions and the
    /// value.
    private static var perceptronForward: Case {
        Case(
            "perceptron-forward", ["rows": .init(actors), "hidden": "128, 128, 128"],
            operations: actors * (2 * 128 + 2 * 2 * 128 * 128 + 2 * 128 * 6)
        ) {
            let shape = PerceptronShape(components: [9, 9], hidden: [128, 128, 128], outputs: 6)
            let network = PerceptronNetwork(shape: shape, activation: .relu)
            let parameters = noise(shape.parameterCount)
            let components = (0..<actors).flatMap { [Int32($0 % 9), Int32(9 + $0 / 9)] }
            return { network.forward(parameters: parameters.start, components: components, rows: actors) }
        }
    }
}
