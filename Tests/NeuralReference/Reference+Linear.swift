// Linear: y (rows, outputs) = x (rows, inputs) W^T + b, W (outputs, inputs).
extension Reference {
    /// y (rows, outputs).
    ///
    /// x (rows, inputs), W (outputs, inputs) as in PyTorch, b (outputs). The sum begins with the bias.
    package static func linear(_ x: Array, _ weight: Array, _ bias: Array, inputs: Int) -> Array {
        let outputs = bias.count
        return (0..<(x.count / inputs)).flatMap { row in
            (0..<outputs).map { output in
                (0..<inputs).reduce(bias[output]) { $0 + x[row * inputs + $1] * weight[output * inputs + $1] }
            }
        }
    }

    /// From the gradient dy (rows, outputs).
    ///
    /// dx = dy W, dW = dy^T x, db = column sums of dy. The bias's value does not matter.
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
