/// The steps of an image encoder and the names, shapes and places of its parameters and running statistics. A value:
/// `ImageEncoder` has the memory.
///
/// PyTorch's names: `groups.0.convolution`, `groups.0.norm`, `groups.0.blocks.0.convolution1` and so on, `linear`.
package struct ImageEncoderLayout: Sendable {
    /// What the layout was made from. Two layouts of equal settings are equal in every offset.
    package let settings: ImageEncoderSettings
    /// Convolutions, norms and pools in order, without the flattening and the linear layer behind them.
    let plan: ImagePlan
    /// What the linear layer reads: (features) = channels, rows, columns of the last group.
    let features: ImagePlan.Slot
    /// (output width, features), the last layer's.
    let linearWeight: ParameterLayout.Tensor
    /// (output width), the last layer's.
    let linearBias: ParameterLayout.Tensor
    /// In a worker's sums of parameter gradients.
    let linearWeightGradientOffset: Int
    let linearBiasGradientOffset: Int

    /// Everything that is trained.
    package var parameters: ParameterLayout { plan.parameters }
    /// Running means and variances of the batch norms; empty without.
    package var statistics: ParameterLayout { plan.statistics }
    /// Bytes of an image.
    package var pixelCount: Int { settings.height * settings.width * settings.colours }

    /// Throws `ImageEncoderSettingsError` when no network has these settings.
    ///
    /// A checkpoint's settings come from a file, so that the error names the setting, the bound and the value found.
    package init(_ settings: ImageEncoderSettings) throws {
        try settings.validate()
        self.settings = settings
        var plan = ImagePlan()
        var last: ImagePlan.Slot?
        for (index, channels) in settings.channels.enumerated() {
            last = Self.appendGroup("groups.\(index)", channels, settings, to: &plan, from: last)
        }
        guard let last else { preconditionFailure("validated settings have a group") }
        features = last
        (linearWeight, linearWeightGradientOffset) = plan.addParameter(
            "linear.weight", [settings.outputWidth, last.count])
        (linearBias, linearBiasGradientOffset) = plan.addParameter("linear.bias", [settings.outputWidth])
        self.plan = plan
    }

    /// A convolution, a max pool and the group's residual blocks; returns where the last of them leaves its result.
    ///
    /// The first group reads pixels (`input` is nil), every other one what the group before left. The pool halves
    /// height and width with the default stride of 2.
    private static func appendGroup(
        _ name: String, _ channels: Int, _ settings: ImageEncoderSettings, to plan: inout ImagePlan,
        from input: ImagePlan.Slot?
    ) -> ImagePlan.Slot {
        let layer = Convolution(
            height: input?.height ?? settings.height, width: input?.width ?? settings.width,
            inputs: input?.channels ?? settings.colours, outputs: channels, kernel: settings.kernel,
            padding: settings.kernel / 2)
        let wide = plan.convolve(
            "\(name).convolution", norm: settings.batchNorm ? "\(name).norm" : nil, layer: layer, from: input,
            rectified: false, passing: true)
        var slot = plan.pool(
            from: wide, kernel: settings.poolKernel, stride: settings.poolStride, padding: settings.poolPadding)
        for block in 0..<settings.blocksPerGroup {
            slot = ResNetBlock(
                name: "\(name).blocks.\(block)", kernel: settings.kernel, normalised: settings.batchNorm
            ).append(to: &plan, from: slot)
        }
        return slot
    }
}

extension ImageEncoderLayout {
    /// Parameters drawn as PyTorch draws them: convolutions and the linear layer uniform within 1 / sqrt(inputs of a
    /// sum), norms 1 and 0. `uniform` gives numbers in [0, 1).
    ///
    /// Numbers are drawn tensor by tensor in the layout's order, so that a seed gives the same parameters everywhere. A
    /// bias takes its bound from the weight of the same layer, as PyTorch does.
    package func initialise(_ buffer: FloatBuffer, uniform: () -> Float) {
        precondition(buffer.count == parameters.count)
        for tensor in parameters.tensors {
            let range = UnsafeMutableBufferPointer(start: buffer.start + tensor.offset, count: tensor.count)
            if tensor.name.contains("norm") {
                range.update(repeating: tensor.name.hasSuffix(".weight") ? 1 : 0)
                continue
            }
            let weight = tensor.shape.count > 1 ? tensor : parameters[tensor.name.replacingSuffix("bias", "weight")]
            let inputs = weight?.shape.dropFirst().reduce(1, *) ?? 1
            let bound = 1 / Float(inputs).squareRoot()
            for index in range.indices { range[index] = (2 * uniform() - 1) * bound }
        }
    }

    /// Running means 0 and variances 1.
    ///
    /// What PyTorch's `BatchNorm2d` begins with. Not to be called on statistics that were read from a checkpoint.
    package func initialiseStatistics(_ buffer: FloatBuffer) {
        precondition(buffer.count == statistics.count)
        for tensor in statistics.tensors {
            let value: Float = tensor.name.hasSuffix("running_var") ? 1 : 0
            (buffer.start + tensor.offset).update(repeating: value, count: tensor.count)
        }
    }
}

extension String {
    /// The string with its last part exchanged, or the string itself where it ends otherwise.
    fileprivate func replacingSuffix(_ suffix: String, _ other: String) -> String {
        hasSuffix(suffix) ? dropLast(suffix.count) + other : self
    }
}
