extension ImageEncoderLayout {
    /// Floating-point operations of an image forward and backward: its convolutions, the taps beyond the border among
    /// them, and the linear layers. The gradient of the pixels is not asked for.
    ///
    /// A multiplication and an addition count as two. A convolution or linear layer costs three products of the same
    /// size (output, weight's gradient, input's gradient), the first convolution two. Used to compare a measured speed
    /// with what the processor can do.
    package var operations: Int {
        plan.steps.reduce(6 * linearWeights) { sum, step in
            guard case .convolution(let convolution) = step else { return sum }
            let products = convolution.input == nil ? 2 : 3
            return sum + products * 2 * convolution.output.pixels * convolution.weight.count
        }
    }

    /// The same of an image forward alone.
    package var forwardOperations: Int {
        plan.steps.reduce(2 * linearWeights) { sum, step in
            guard case .convolution(let convolution) = step else { return sum }
            return sum + 2 * convolution.output.pixels * convolution.weight.count
        }
    }

    private var linearWeights: Int { linears.reduce(0) { $0 + $1.weight.count } }
}
