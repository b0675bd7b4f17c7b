/// Sizes of the network that turns an image into a vector, for the paper's Table 3 (pixel Watermaze).
///
/// The defaults are the deep network of IMPALA (Espeholt et al. 2018, figure 3): for each group a convolution, a max
/// pool that halves the image and residual blocks, then a rectification and a linear layer. They are a reading, not a
/// quotation, of Table 3, whose text we could not get at: the paper's authors and its 72 x 96 frames come from the same
/// place as that network, which was made for frames of that size. Numbers of the table that differ can be put in here.
package struct ImageEncoderSettings: Sendable, Equatable, Codable {
    /// Of the image, in pixels.
    package var height = 72
    package var width = 96
    /// Values of a pixel, 0 to 255 each.
    package var colours = 3
    /// Channels of each group.
    package var channels = [16, 32, 32]
    /// Residual blocks of a group.
    package var blocksPerGroup = 2
    /// Of every convolution; odd, because the image keeps its size.
    package var kernel = 3
    /// Of the max pools.
    package var poolKernel = 3
    package var poolStride = 2
    package var poolPadding = 1
    /// Whether a batch norm follows every convolution, in place of its bias.
    package var batchNorm = false
    /// Of the vector: the transformer's model dimension.
    package var outputWidth = 64

    /// The network of the defaults: three groups with two residual blocks each, without norms, 64 numbers out.
    package init() {}

    /// Throws `ImageEncoderSettingsError` for the first size that gives no network.
    ///
    /// The bounds are far above what any experiment uses. They exist so that a damaged checkpoint is refused with a
    /// sentence before it asks for terabytes, and so that products of sizes cannot overflow.
    package func validate() throws {
        try require(height, in: 1...4096, "height")
        try require(width, in: 1...4096, "width")
        try require(colours, in: 1...1024, "colours")
        try require(channels.count, in: 1...16, "number of channels' groups")
        for count in channels { try require(count, in: 1...4096, "channels") }
        try require(blocksPerGroup, in: 0...64, "blocksPerGroup")
        try require(kernel, in: 1...31, "kernel")
        guard kernel % 2 == 1 else { throw ImageEncoderSettingsError("kernel", "must be odd", found: kernel) }
        try require(poolKernel, in: 1...15, "poolKernel")
        try require(poolStride, in: 1...15, "poolStride")
        try require(poolPadding, in: 0...(poolKernel / 2), "poolPadding")
        try require(outputWidth, in: 1...65_536, "outputWidth")
        var size = min(height, width)
        for _ in channels {
            guard size + 2 * poolPadding >= poolKernel else {
                throw ImageEncoderSettingsError(
                    "number of channels' groups", "must leave something of the image for every pool",
                    found: channels.count)
            }
            size = (size + 2 * poolPadding - poolKernel) / poolStride + 1
        }
    }

    /// Throws with the setting's name, the range and what was found instead.
    private func require(_ value: Int, in range: ClosedRange<Int>, _ setting: String) throws {
        guard range.contains(value) else {
            throw ImageEncoderSettingsError(
                setting, "must be between \(range.lowerBound) and \(range.upperBound)", found: value)
        }
    }
}

/// A size of an image encoder that cannot be used.
package struct ImageEncoderSettingsError: Error, CustomStringConvertible, Sendable {
    package let description: String

    init(_ setting: String, _ expectation: String, found: Int) {
        description = "image encoder: \(setting) \(expectation), found \(found)"
    }
}
