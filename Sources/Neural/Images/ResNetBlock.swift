/// A residual block with the activation before the convolutions, as in the deep network of IMPALA (Espeholt et al.
/// 2018, figure 3): x + convolution2(relu(convolution1(relu(x)))), each convolution followed by a batch norm if there
/// is one.
///
/// Channels and size stay; parameters are called `convolution1`, `norm1`, `convolution2` and `norm2` under `name`.
struct ResNetBlock: Sendable {
    /// What its parameters' names begin with, such as `groups.0.blocks.1`.
    let name: String
    /// Odd, so that a padding of half of it keeps the size.
    let kernel: Int
    /// Of the batch norms that follow the convolutions, which then have no biases.
    let norm: NormSettings?

    /// Adds the block's steps behind `input`, which must be kept, and returns where the result lies.
    ///
    /// The skip is fused: the last convolution, or its norm, adds `input` as it writes the result.
    func append(to plan: inout ImagePlan, from input: ImagePlan.Slot) -> ImagePlan.Slot {
        let layer = Convolution(
            height: input.height, width: input.width, inputs: input.channels, outputs: input.channels, kernel: kernel,
            padding: kernel / 2)
        let middle = plan.convolve(
            "\(name).convolution1", norm: norm.map { ("\(name).norm1", $0) }, layer: layer, from: input,
            rectified: true, skipped: true)
        return plan.convolve(
            "\(name).convolution2", norm: norm.map { ("\(name).norm2", $0) }, layer: layer, from: middle,
            rectified: true, adding: input)
    }
}
