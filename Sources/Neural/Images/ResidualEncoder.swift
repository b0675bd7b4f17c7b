package import Settings

/// The deep network of IMPALA (Espeholt et al. 2018, figure 3): for each stage a convolution, a max pool that halves the
/// image and residual blocks. The defaults are the paper's Table 5, which does not say how many blocks a stage has, nor
/// what follows: two of them and a linear layer of 256, as IMPALA's.
///
/// Parameters are called `groups.0.convolution`, `groups.0.norm`, `groups.0.blocks.0.convolution1` and so on.
package enum ResidualEncoder: ImageEncoderKind {
    package static let name = "resnet"
    package static let summary = "IMPALA's residual network (Table 5): stages of convolution, pool and residual blocks."

    package struct Settings: ImageEncoderSettings {
        /// Channels of each stage.
        package var channels = [32, 64, 64]
        /// Residual blocks of a stage.
        package var blocks = 2
        /// Of every convolution; odd, because the image keeps its size.
        package var kernel = 3
        /// Of the max pools.
        package var poolKernel = 3
        package var poolStride = 2
        package var poolPadding = 1
        /// Whether a batch norm follows every convolution, in place of its bias.
        package var batchNorm = false
        package var normDecay = 0.9
        package var normEpsilon = 1e-5
        package var units = 256

        package init() {}

        package static let entries: [Entry<Settings>] = [
            .key("channels", \.channels, .list(of: .integer(1...4096), count: 1...16), "Channels of each stage."),
            .key("blocks", \.blocks, .integer(0...64), "Residual blocks of a stage."),
            .key("kernel", \.kernel, .integer(1...31), "Side of the convolutions' kernels; odd."),
            .key("pool_kernel", \.poolKernel, .integer(1...15), "Side of the max pools' windows."),
            .key("pool_stride", \.poolStride, .integer(1...15), "Pixels from one window to the next."),
            .key("pool_padding", \.poolPadding, .integer(0...7), "Pixels that windows reach beyond the border."),
            .key("batch_norm", \.batchNorm, .boolean, "Whether a batch norm follows every convolution."),
            .key("norm_decay", \.normDecay, .number(0, below: 1), "Decay of the batch norms' running statistics."),
            .key("norm_epsilon", \.normEpsilon, .number(above: 0, to: 1), "Added to the batch norms' variances."),
            .key("units", \.units, .integer(1...65_536), "Units of the linear layer behind the stages."),
        ]

        package func contradictions() -> [Contradiction] {
            var found: [Contradiction] = []
            if kernel % 2 == 0 { found.append(Contradiction(["kernel"], "a kernel of \(kernel) has no middle")) }
            if 2 * poolPadding > poolKernel {
                found.append(
                    Contradiction(
                        ["pool_padding", "pool_kernel"],
                        "a padding of \(poolPadding) is more than half of a window of \(poolKernel)"))
            }
            return found
        }
    }

    package static func append(_ settings: Settings, to plan: inout ImagePlan, image: ImageSize) throws
        -> ImagePlan.Slot
    {
        try check(settings, image)
        var last: ImagePlan.Slot?
        for (index, channels) in settings.channels.enumerated() {
            last = appendStage("groups.\(index)", channels, settings, to: &plan, image: image, from: last)
        }
        guard let last else { preconditionFailure("validated settings have a stage") }
        return last
    }

    private static func check(_ settings: Settings, _ image: ImageSize) throws {
        var size = min(image.height, image.width)
        for _ in settings.channels {
            guard size + 2 * settings.poolPadding >= settings.poolKernel else {
                throw SettingsError(
                    "channels", "must leave something of an image of \(image.height) x \(image.width) for every pool",
                    found: "\(settings.channels.count) stages")
            }
            size = (size + 2 * settings.poolPadding - settings.poolKernel) / settings.poolStride + 1
        }
    }

    /// A convolution, a max pool and the stage's residual blocks; returns where the last of them leaves its result. The
    /// first stage reads pixels (`input` is nil), every other one what the stage before left.
    private static func appendStage(
        _ name: String, _ channels: Int, _ settings: Settings, to plan: inout ImagePlan, image: ImageSize,
        from input: ImagePlan.Slot?
    ) -> ImagePlan.Slot {
        let layer = Convolution(
            height: input?.height ?? image.height, width: input?.width ?? image.width,
            inputs: input?.channels ?? image.colours, outputs: channels, kernel: settings.kernel,
            padding: settings.kernel / 2)
        let norm = settings.batchNorm ? NormSettings(decay: settings.normDecay, epsilon: settings.normEpsilon) : nil
        let wide = plan.convolve(
            "\(name).convolution", norm: norm.map { ("\(name).norm", $0) }, layer: layer, from: input,
            rectified: false, passing: true)
        var slot = plan.pool(
            from: wide, kernel: settings.poolKernel, stride: settings.poolStride, padding: settings.poolPadding)
        for block in 0..<settings.blocks {
            slot = ResNetBlock(name: "\(name).blocks.\(block)", kernel: settings.kernel, norm: norm).append(
                to: &plan, from: slot)
        }
        return slot
    }
}
