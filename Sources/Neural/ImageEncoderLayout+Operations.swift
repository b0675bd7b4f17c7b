extension ImageEncoderLayout {
    /// Floating-point operations of an image forward and backward: its convolutions, the taps beyond the border among
    /// them, and the linear layer. The gradient of the pixels is not asked for.
    ///
    /// A multiplication and an addition count as two. A convolution or linear layer costs three products of the same
    /// size (output, weight's gradient, input's gradient), the first convolution two. Used to compare a measured speed
    /// with what the processor can do.
    package var operations: Int {
        let convolutions = plan.steps.reduce(0) { sum, step in
            guard case .convolution(let convolution) = step else { return sum }
            let products = convolution.input == nil ? 2 : 3
            return sum + products * 2 * convolution.output.pixels * convolution.weight.count
        }
        return convolutions + 6 * linearWeight.count
    }
}
