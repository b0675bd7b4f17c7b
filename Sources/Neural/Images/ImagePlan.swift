/// Of a batch norm.
struct NormSettings: Sendable {
    /// Share of the running statistics that a batch leaves: 1 - PyTorch's momentum.
    let decay: Double
    /// Added to the variance.
    let epsilon: Double
}

/// The steps that an image goes through, each from one slot of memory to another, and where their parameters lie.
///
/// Slots and steps belong to one image; `ImagePass` walks many images through them, forward and back. A plan is built
/// once by `convolve`, `pool` and `appendBlock`, in the order of the steps, and does not change after that.
package struct ImagePlan: Sendable {
    /// An activation (height, width, channels) of one image and its gradient.
    ///
    /// Every step writes a slot and reads one or two, so that a plan is a list without a graph.
    package struct Slot: Sendable {
        package let height: Int
        package let width: Int
        package let channels: Int
        /// In floats: in the memory of an image or, where `isPassing`, in that of a worker, which the next image
        /// overwrites, because no backward pass reads it.
        let offset: Int
        /// Whether the activation is thrown away when its worker goes on to the next image.
        let isPassing: Bool
        /// In floats. An activation and what a skip connection adds it to share one gradient.
        let gradientOffset: Int
        /// Whether the gradient lies in the memory of a worker in any case, because the step before it takes it on at
        /// once.
        let isGradientPassing: Bool

        /// Places of the image, of `channels` numbers each.
        var pixels: Int { height * width }
        /// Floats of the activation.
        var count: Int { pixels * channels }
    }

    /// One step with its layer; a rectification is part of the convolution that reads it.
    enum Step: Sendable {
        case convolution(ConvolutionStep)
        case norm(NormStep)
        case pool(PoolStep)
        case block(BlockStep)

        /// What images meet at in training, if they do: its gradient begins with sums over all of them.
        var meeting: NormStep? {
            switch self {
            case .norm(let step): step
            case .block(let step): step.norm
            case .convolution, .pool: nil
            }
        }
    }

    /// y = convolution(input, rectified or not) + bias + skip.
    struct ConvolutionStep: Sendable {
        let layer: Convolution
        /// nil: the pixels.
        let input: Slot?
        /// Whether max(x, 0) is taken of the input on its way into the padded scratch.
        let rectifiesInput: Bool
        /// Added to the output.
        let skip: Slot?
        let output: Slot
        /// Whether the input's gradient holds that of a skip connection already.
        let inputIsSkipped: Bool
        /// Nil where a norm follows.
        let weight: ParameterLayout.Tensor
        let bias: ParameterLayout.Tensor?
        /// In the packed weights of the forward pass, in those of the backward pass, and in a worker's gradients.
        ///
        /// Where the packed weight begins for the forward kernels, in floats.
        let packedOffset: Int
        /// The same for the kernel of the image's gradient.
        let packedBackwardOffset: Int
        /// Where the weight's packed gradient begins in each worker's sums.
        let gradientOffset: Int
        /// Where the bias's gradient begins there; reserved even where there is no bias.
        let biasGradientOffset: Int
    }

    /// y = normalised input * gain + shift + skip.
    struct NormStep: Sendable {
        let layer: BatchNorm
        let input: Slot
        /// Added to the output: the end of a residual block with norms.
        let skip: Slot?
        let output: Slot
        let gain: ParameterLayout.Tensor
        let shift: ParameterLayout.Tensor
        let runningMean: ParameterLayout.Tensor
        let runningVariance: ParameterLayout.Tensor
        /// Of the batch's mean, inverse deviation and the two means of the backward pass, (4, channels).
        let statisticsOffset: Int
    }

    /// y = the largest of each window of the input.
    struct PoolStep: Sendable {
        let layer: MaxPool
        let input: Slot
        let output: Slot
        /// In the bytes of an image.
        let placesOffset: Int
    }

    /// y = dropout(the largest of each window of max(normalised input * gain + shift, 0)), in one pass over the input.
    struct BlockStep: Sendable {
        /// `input` is the convolution's result, `output` what the step gives.
        let norm: NormStep
        let pool: MaxPool
        /// In the bytes of an image.
        let placesOffset: Int
        /// Of the output's elements, in training.
        let dropout: Double
        /// Number among the plan's dropouts.
        let site: UInt32
    }

    /// Trained.
    package private(set) var parameters = ParameterLayout()
    /// Running statistics.
    package private(set) var statistics = ParameterLayout()
    /// In the order of the forward pass. Slots are reserved in the same order.
    private(set) var steps: [Step] = []
    /// Floats and bytes of an image, floats of a worker, floats of gradients.
    ///
    /// Floats that an image keeps between the passes.
    private(set) var activationCount = 0
    /// Bytes in which an image's pools note where their largest elements were.
    private(set) var placesCount = 0
    /// Floats of one worker for activations that only the next step reads.
    private(set) var passingCount = 0
    /// Floats of the gradients of one image's activations.
    private(set) var gradientCount = 0
    /// Floats of the gradients that a worker keeps of the image at hand alone.
    private(set) var passingGradientCount = 0
    /// Floats of scratch, of packed weights, of a worker's sums of parameter gradients, of all norms' statistics.
    ///
    /// Floats of one worker's scratch: the largest that any convolution needs.
    private(set) var scratchCount = 0
    /// Floats of all weights packed for the forward pass.
    private(set) var packedCount = 0
    /// Floats of all weights packed for the gradients of images.
    private(set) var packedBackwardCount = 0
    /// Floats of one worker's sums of parameter gradients, the linear layer's behind the plan among them.
    private(set) var parameterGradientCount = 0
    /// Floats of all norms' statistics, four for each channel.
    private(set) var statisticsCount = 0
    /// Channels of the widest norm: what a buffer for any norm's sums has to hold.
    private(set) var largestNormChannels = 0

    /// A plan without steps, to be built by `convolve`, `pool` and `addParameter`.
    package init() {}

    /// Whether images have to meet inside a pass.
    var hasNorms: Bool { statisticsCount > 0 }

    /// Reserves `count` floats, rounded up to a cache line; gives back where they begin.
    private static func take(_ count: Int, from total: inout Int) -> Int {
        defer { total += (count + 15) & ~15 }
        return total
    }

    /// Whether a backward pass reads a slot's activation.
    ///
    /// `kept` memory is an image's own; `passing` memory is a worker's, which its next image overwrites.
    private enum Keeping { case kept, passing }

    /// Reserves an activation and its gradient. With `sharer` the gradient lies in the sharer's place, because both
    /// ends of a sum have the same gradient.
    private mutating func slot(
        _ height: Int, _ width: Int, _ channels: Int, _ keeping: Keeping, gradientOf sharer: Slot? = nil
    ) -> Slot {
        let count = height * width * channels
        let offset =
            keeping == .kept ? Self.take(count, from: &activationCount) : Self.take(count, from: &passingCount)
        return Slot(
            height: height, width: width, channels: channels, offset: offset, isPassing: keeping == .passing,
            gradientOffset: sharer?.gradientOffset ?? Self.take(count, from: &gradientCount),
            isGradientPassing: false)
    }

    /// The same with a gradient that lies with the worker.
    private mutating func slotBeforeNorm(_ layer: Convolution) -> Slot {
        let count = layer.outputCount
        return Slot(
            height: layer.outputHeight, width: layer.outputWidth, channels: layer.outputs,
            offset: Self.take(count, from: &activationCount), isPassing: false,
            gradientOffset: Self.take(count, from: &passingGradientCount), isGradientPassing: true)
    }

    /// Reserves a tensor of a linear layer that follows the steps.
    ///
    /// The caller computes with it; the plan only gives it room in the parameters and in each worker's sums.
    mutating func addParameter(_ name: String, _ shape: [Int]) -> (tensor: ParameterLayout.Tensor, gradientOffset: Int)
    {
        let tensor = parameter(name, shape)
        return (tensor, Self.take(tensor.count, from: &parameterGradientCount))
    }

    /// Appends a tensor to the trained parameters, under PyTorch's name.
    private mutating func parameter(_ name: String, _ shape: [Int]) -> ParameterLayout.Tensor {
        ParameterLayout.Tensor(name: name, shape: shape, offset: parameters.add(name, shape))
    }

    /// Appends a convolution, the batch norm called `norm` where it is not nil, and the sum with `skip`; returns where
    /// the result lies.
    ///
    /// `rectified`: whether the convolution reads max(input, 0). `skipped`: whether the input is also a later skip, so
    /// that its gradient is there before the convolution's own. `passing`: whether only the next step reads the result.
    /// A convolution that a norm follows has no bias, because the norm would subtract it with the mean.
    mutating func convolve(
        _ name: String, norm: (name: String, settings: NormSettings)?, layer: Convolution, from input: Slot?,
        rectified: Bool, adding skip: Slot? = nil, skipped: Bool = false, passing: Bool = false
    ) -> Slot {
        let weight = parameter("\(name).weight", layer.weightShape)
        let bias = norm == nil ? parameter("\(name).bias", [layer.outputs]) : nil
        let output = slot(
            layer.outputHeight, layer.outputWidth, layer.outputs, norm == nil && passing ? .passing : .kept,
            gradientOf: norm == nil ? skip : nil)
        append(
            layer, weight: weight, bias: bias, from: input, rectified: rectified, adding: norm == nil ? skip : nil,
            skipped: skipped, into: output)
        guard let norm else { return output }
        let normalised = slot(
            output.height, output.width, output.channels, passing ? .passing : .kept, gradientOf: skip ?? output)
        steps.append(.norm(normStep(norm.name, norm.settings, from: output, adding: skip, into: normalised)))
        return normalised
    }

    /// Appends a convolution without a bias, and what follows it in one step: batch norm, rectification, the pool that
    /// `pool` makes for the convolution's result, and dropout.
    mutating func appendBlock(
        _ name: String, layer: Convolution, from input: Slot?, norm: NormSettings, pool: (Slot) -> MaxPool,
        dropout: Double
    ) -> Slot {
        let weight = parameter("\(name).convolution.weight", layer.weightShape)
        let wide = slotBeforeNorm(layer)
        append(
            layer, weight: weight, bias: nil, from: input, rectified: false, adding: nil, skipped: false, into: wide)
        let pool = pool(wide)
        let output = slot(pool.outputHeight, pool.outputWidth, wide.channels, .kept)
        steps.append(
            .block(
                BlockStep(
                    norm: normStep("\(name).norm", norm, from: wide, adding: nil, into: output), pool: pool,
                    placesOffset: Self.take(pool.outputCount, from: &placesCount), dropout: dropout,
                    site: UInt32(steps.count))))
        return output
    }

    private mutating func append(
        _ layer: Convolution, weight: ParameterLayout.Tensor, bias: ParameterLayout.Tensor?, from input: Slot?,
        rectified: Bool, adding skip: Slot?, skipped: Bool, into output: Slot
    ) {
        steps.append(
            .convolution(
                ConvolutionStep(
                    layer: layer, input: input, rectifiesInput: rectified, skip: skip, output: output,
                    inputIsSkipped: skipped, weight: weight, bias: bias,
                    packedOffset: Self.take(layer.packedCount, from: &packedCount),
                    packedBackwardOffset: Self.take(layer.packedBackwardCount, from: &packedBackwardCount),
                    gradientOffset: Self.take(layer.packedCount, from: &parameterGradientCount),
                    biasGradientOffset: Self.take(layer.outputs, from: &parameterGradientCount))))
        scratchCount = max(scratchCount, layer.scratchCount)
    }

    /// A batch norm. Its output may share the gradient of the skip, or of its own input, since `BatchNorm.backward` may
    /// write dx over dy.
    private mutating func normStep(
        _ name: String, _ settings: NormSettings, from input: Slot, adding skip: Slot?, into output: Slot
    ) -> NormStep {
        let channels = input.channels
        let mean = statistics.add("\(name).running_mean", [channels])
        let variance = statistics.add("\(name).running_var", [channels])
        largestNormChannels = max(largestNormChannels, channels)
        return NormStep(
            layer: BatchNorm(
                channels: channels, pixels: input.pixels, momentum: Float(1 - settings.decay),
                epsilon: Float(settings.epsilon)),
            input: input, skip: skip, output: output, gain: parameter("\(name).weight", [channels]),
            shift: parameter("\(name).bias", [channels]),
            runningMean: .init(name: "\(name).running_mean", shape: [channels], offset: mean),
            runningVariance: .init(name: "\(name).running_var", shape: [channels], offset: variance),
            statisticsOffset: Self.take(4 * channels, from: &statisticsCount))
    }

    /// Appends a max pool.
    ///
    /// `input` stays as it was; the result is always kept, because a later backward pass reads it.
    mutating func pool(from input: Slot, kernel: Int, stride: Int, padding: Int) -> Slot {
        let layer = MaxPool(
            height: input.height, width: input.width, channels: input.channels, kernel: kernel, stride: stride,
            padding: padding)
        let output = slot(layer.outputHeight, layer.outputWidth, input.channels, .kept)
        steps.append(
            .pool(
                PoolStep(
                    layer: layer, input: input, output: output,
                    placesOffset: Self.take(layer.outputCount, from: &placesCount))))
        return output
    }
}
