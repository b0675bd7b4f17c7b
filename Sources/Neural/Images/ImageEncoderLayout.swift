/// The steps of an image encoder, the linear layers behind them, and the names, shapes and places of its parameters and
/// running statistics. A value: `ImageEncoder` has the memory.
///
/// Running statistics are tensors among the parameters, whose gradient is zero: an optimiser leaves them as they are, and
/// whatever copies, saves or sends parameters does so with them.
package struct ImageEncoderLayout: Sendable {
    /// y = x W^T + b
    struct Linear: Sendable {
        let inputs: Int
        let outputs: Int
        /// (outputs, inputs), (outputs)
        let weight: ParameterLayout.Tensor
        let bias: ParameterLayout.Tensor
        /// In a part's sums of parameter gradients.
        let weightGradientOffset: Int
        let biasGradientOffset: Int
    }

    package let choice: ImageEncoderChoice
    package let image: ImageSize
    /// Convolutions, norms and pools in order, without the flattening and the linear layers behind them.
    let plan: ImagePlan
    /// What the first linear layer reads: (features) = channels, rows, columns of the last step.
    let features: ImagePlan.Slot
    /// The encoder's own, `linear`, and the one that a caller wanted behind it.
    let linears: [Linear]
    /// Everything that is trained, and the running means and variances of the batch norms behind it.
    package let parameters: ParameterLayout
    /// Of the running statistics.
    let statisticsOffset: Int

    /// Floats of what an image becomes.
    package var outputWidth: Int { linears[linears.count - 1].outputs }

    /// `head`: name and outputs of a linear layer that reads the encoder's units rectified: a model's embedding of images,
    /// or the values of actions. Throws `SettingsError` when no network has these settings for such images.
    package init(_ choice: ImageEncoderChoice, image: ImageSize, head: (name: String, outputs: Int)? = nil) throws {
        self.choice = choice
        self.image = image
        var plan = ImagePlan()
        features = try choice.append(to: &plan, image: image)
        var linears: [Linear] = []
        var inputs = features.count
        for (name, outputs) in [("linear", choice.units)] + (head.map { [($0.name, $0.outputs)] } ?? []) {
            let weight = plan.addParameter("\(name).weight", [outputs, inputs])
            let bias = plan.addParameter("\(name).bias", [outputs])
            linears.append(
                Linear(
                    inputs: inputs, outputs: outputs, weight: weight.tensor, bias: bias.tensor,
                    weightGradientOffset: weight.gradientOffset, biasGradientOffset: bias.gradientOffset))
            inputs = outputs
        }
        var parameters = plan.parameters
        statisticsOffset = parameters.count
        for tensor in plan.statistics.tensors { _ = parameters.add(tensor.name, tensor.shape) }
        self.plan = plan
        self.linears = linears
        self.parameters = parameters
    }

    /// Bytes that an encoder keeps of each image between its passes.
    package var bytesOfImage: Int { ImagePass.byteCount(plan) }
}

extension ImageEncoderLayout: Equatable {
    /// Everything else follows from what they were made from.
    package static func == (one: Self, other: Self) -> Bool {
        one.choice == other.choice && one.image == other.image && one.parameters == other.parameters
    }
}

extension ImageEncoderLayout {
    /// Parameters drawn as PyTorch draws them: convolutions and linear layers uniform within 1 / sqrt(inputs of a sum),
    /// norms 1 and 0, running means 0 and variances 1. `uniform` gives numbers in [0, 1).
    ///
    /// Numbers are drawn tensor by tensor in the layout's order, so that a seed gives the same parameters everywhere. A
    /// bias takes its bound from the weight of the same layer, as PyTorch does.
    package func initialise(_ buffer: UnsafeMutablePointer<Float>, uniform: () -> Float) {
        for tensor in parameters.tensors {
            let range = UnsafeMutableBufferPointer(start: buffer + tensor.offset, count: tensor.count)
            if tensor.name.contains("norm") {
                let isFactor = tensor.name.hasSuffix(".weight") || tensor.name.hasSuffix(".running_var")
                range.update(repeating: isFactor ? 1 : 0)
                continue
            }
            let weight = tensor.shape.count > 1 ? tensor : parameters[tensor.name.replacingSuffix("bias", "weight")]
            let inputs = weight?.shape.dropFirst().reduce(1, *) ?? 1
            let bound = 1 / Float(inputs).squareRoot()
            for index in range.indices { range[index] = (2 * uniform() - 1) * bound }
        }
    }
}

extension String {
    /// The string with its last part exchanged, or the string itself where it ends otherwise.
    fileprivate func replacingSuffix(_ suffix: String, _ other: String) -> String {
        hasSuffix(suffix) ? dropLast(suffix.count) + other : self
    }
}
