package import Settings

/// The image encoder of the paper's Table 3: blocks of convolution, batch norm, rectification, max pool and dropout. The
/// table does not give the padding: half a kernel on every side, as TensorFlow's "same" has it but for one pixel, and
/// pools whose last window may reach beyond the image, so that small images end as one pixel and not as none.
///
/// At 72 x 96: 36 x 48, 18 x 24; 9 x 12, 5 x 6; 3 x 3, 2 x 2. Parameters are called `blocks.0.convolution`,
/// `blocks.0.norm` and so on.
package enum ConvolutionalEncoder: ImageEncoderKind {
    package static let name = "conv"
    package static let summary = "Table 3: blocks of convolution, batch norm, rectification, max pool and dropout."

    package struct Settings: ImageEncoderSettings {
        /// Channels of each block.
        package var channels = [128, 128, 128]
        /// Of every convolution; odd.
        package var kernel = 5
        package var stride = 2
        /// Of the max pools.
        package var poolKernel = 2
        package var poolStride = 2
        /// Whether a pool's last window may reach beyond the image.
        package var partialPools = true
        package var normDecay = 0.999
        package var normEpsilon = 1e-5
        /// Probability of dropping an element of what a block gives.
        package var dropout = 0.2
        package var units = 256

        package init() {}

        package static let entries: [Entry<Settings>] = [
            .key("channels", \.channels, .list(of: .integer(1...4096), count: 1...16), "Channels of each block."),
            .key("kernel", \.kernel, .integer(1...31), "Side of the convolutions' kernels; odd."),
            .key("stride", \.stride, .integer(1...15), "Pixels from one place of a kernel to the next."),
            .key("pool_kernel", \.poolKernel, .integer(1...15), "Side of the max pools' windows."),
            .key("pool_stride", \.poolStride, .integer(1...15), "Pixels from one window to the next."),
            .key(
                "partial_pools", \.partialPools, .boolean,
                "Whether a pool's last window may reach beyond the image; otherwise its last pixels may be left out."),
            .key("norm_decay", \.normDecay, .number(0, below: 1), "Decay of the batch norms' running statistics."),
            .key("norm_epsilon", \.normEpsilon, .number(above: 0, to: 1), "Added to the batch norms' variances."),
            .key("dropout", \.dropout, .number(0, below: 1), "Dropout of what a block gives."),
            .key("units", \.units, .integer(1...65_536), "Units of the linear layer behind the blocks."),
        ]

        package func contradictions() -> [Contradiction] {
            kernel % 2 == 0 ? [Contradiction(["kernel"], "a kernel of \(kernel) has no middle")] : []
        }
    }

    package static func append(_ settings: Settings, to plan: inout ImagePlan, image: ImageSize) throws
        -> ImagePlan.Slot
    {
        var last: ImagePlan.Slot?
        for (index, channels) in settings.channels.enumerated() {
            let layer = Convolution(
                height: last?.height ?? image.height, width: last?.width ?? image.width,
                inputs: last?.channels ?? image.colours, outputs: channels, kernel: settings.kernel,
                stride: settings.stride, padding: settings.kernel / 2)
            guard settings.partialPools || min(layer.outputHeight, layer.outputWidth) >= settings.poolKernel else {
                throw SettingsError(
                    "channels", "must leave something of an image of \(image.height) x \(image.width) for every pool",
                    found: "\(settings.channels.count) blocks")
            }
            last = plan.appendBlock(
                "blocks.\(index)", layer: layer, from: last,
                norm: NormSettings(decay: settings.normDecay, epsilon: settings.normEpsilon),
                pool: { slot in
                    MaxPool(
                        height: slot.height, width: slot.width, channels: slot.channels, kernel: settings.poolKernel,
                        stride: settings.poolStride, partial: settings.partialPools)
                }, dropout: settings.dropout)
        }
        guard let last else { preconditionFailure("validated settings have a block") }
        return last
    }
}
