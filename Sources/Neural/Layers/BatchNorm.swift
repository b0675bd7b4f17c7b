import CKernels

/// Batch normalisation of images (pixels, channels) over all pixels of all images of a batch (Ioffe and Szegedy 2015).
///
/// In training a batch's own statistics count, so that a pass has two parts with a meeting between them: one part for
/// each image, on any thread (`moments`, `backwardSums`), what all images give together (`gather`, `backwardGather`),
/// and one part for each image again. Otherwise the running statistics count.
///
/// Forward: `moments` of each image, `gather`, `forward` of each image. Backward: `backwardSums` of each image,
/// `backwardGather`, `backward` of each image. `ImagePass` calls them in that order.
package struct BatchNorm: Sendable, Equatable {
    /// Innermost in memory; each channel is normalised by itself.
    package let channels: Int
    /// Of one image.
    package let pixels: Int
    /// Share of the new batch in the running statistics, as in PyTorch.
    package let momentum: Float
    /// Added to the variance, so that a constant channel does not divide by 0. PyTorch's default.
    package let epsilon: Float

    /// The defaults are those of PyTorch's `BatchNorm2d`.
    package init(channels: Int, pixels: Int, momentum: Float = 0.1, epsilon: Float = 1e-5) {
        precondition(channels > 0 && pixels > 0 && epsilon > 0)
        self.channels = channels
        self.pixels = pixels
        self.momentum = momentum
        self.epsilon = epsilon
    }

    /// What normalises a batch: mean (channels) and 1 / sqrt(variance + epsilon) (channels), one after the other in
    /// memory that the caller owns.
    package struct Statistics {
        package let mean: UnsafeMutablePointer<Float>
        package let inverse: UnsafeMutablePointer<Float>

        package init(at start: UnsafeMutablePointer<Float>, channels: Int) {
            mean = start
            inverse = start + channels
        }
    }

    /// One image's mean and squared deviations (2, channels).
    ///
    /// Computed from one image alone, on any thread; `gather` puts those of all images together in a fixed order, so
    /// that the result does not depend on which thread had which image.
    package func moments(_ x: UnsafePointer<Float>, into moments: UnsafeMutablePointer<Float>) {
        ck_batch_norm_moments(x, pixels, channels, moments)
    }

    /// The batch's statistics from the moments (images, 2, channels); the running mean and the running variance, which
    /// has no bias, move towards them. The batch has at least two pixels.
    ///
    /// The batch's variance is divided by the number of pixels, the running one's by that number less one, as in
    /// PyTorch. Without running statistics none move.
    package func gather(
        _ moments: UnsafePointer<Float>, images: Int, into statistics: Statistics,
        runningMean: UnsafeMutablePointer<Float>?, runningVariance: UnsafeMutablePointer<Float>?
    ) {
        precondition(images * pixels > 1, "a variance needs two values")
        ck_batch_norm_statistics(
            moments, images, pixels, channels, epsilon, momentum, statistics.mean, statistics.inverse, runningMean,
            runningVariance)
    }

    /// The running statistics as those of a batch.
    ///
    /// With them an image's output does not depend on the batch; `forward` and `backward` take the result like a
    /// batch's.
    package func evaluation(
        runningMean: UnsafePointer<Float>, runningVariance: UnsafePointer<Float>, into statistics: Statistics
    ) {
        ck_batch_norm_running(runningMean, runningVariance, channels, epsilon, statistics.mean, statistics.inverse)
    }

    /// y = normalised x * gain + shift, + addend.
    ///
    /// `addend` is the skip connection of a residual block, fused to save one pass over memory.
    package func forward(
        _ x: UnsafePointer<Float>, _ statistics: Statistics, gain: UnsafePointer<Float>, shift: UnsafePointer<Float>,
        adding addend: UnsafePointer<Float>? = nil, into y: UnsafeMutablePointer<Float>
    ) {
        ck_batch_norm_forward(x, statistics.mean, statistics.inverse, gain, shift, addend, y, pixels, channels)
    }

    /// One image's sums (2, channels) of dy and of dy times normalised x.
    ///
    /// The first sum is the gradient of the shift, the second that of the gain; both are also what `backward`
    /// subtracts.
    package func backwardSums(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ statistics: Statistics,
        into sums: UnsafeMutablePointer<Float>
    ) {
        ck_batch_norm_backward_sums(dy, x, statistics.mean, statistics.inverse, pixels, channels, sums)
    }

    /// Adds to dGain and dShift; `means` (2, channels) for `backward`. `training`: whether the statistics were the
    /// batch's own, so that they have a gradient.
    ///
    /// Outside training the statistics are constants, and `means` becomes 0.
    package func backwardGather(
        _ sums: UnsafePointer<Float>, images: Int, training: Bool, dGain: UnsafeMutablePointer<Float>,
        dShift: UnsafeMutablePointer<Float>, means: UnsafeMutablePointer<Float>
    ) {
        ck_batch_norm_backward_means(sums, images, channels, training ? images * pixels : 0, dGain, dShift, means)
    }

    /// dx (pixels, channels) of one image, which may be dy; `means` as `backwardGather` left them.
    ///
    /// Any thread, one image a call.
    package func backward(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ statistics: Statistics, gain: UnsafePointer<Float>,
        means: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>
    ) {
        ck_batch_norm_backward(dy, x, statistics.mean, statistics.inverse, gain, means, dx, pixels, channels)
    }
}
