// Batch normalisation of x (rows, channels), the rows being all pixels of all images:
// y = (x - mean) / sqrt(variance + epsilon) gain + shift.
extension Reference {
    /// A number for each channel.
    package struct ChannelStatistics {
        /// (channels)
        package var mean: Array
        /// (channels), before epsilon is added.
        package var variance: Array

        package init(mean: Array, variance: Array) {
            self.mean = mean
            self.variance = variance
        }
    }

    /// The batch's own statistics, the variance divided by `rows - correction`.
    ///
    /// `correction` 0 is what normalises a batch, 1 the estimate without bias that the running variance takes.
    package static func batchStatistics(_ x: Array, channels: Int, correction: Int = 0) -> ChannelStatistics {
        let rows = x.count / channels
        var statistics = ChannelStatistics(
            mean: Array(repeating: 0, count: channels), variance: Array(repeating: 0, count: channels))
        for index in x.indices { statistics.mean[index % channels] += x[index] / Scalar(rows) }
        for index in x.indices {
            let distance = x[index] - statistics.mean[index % channels]
            statistics.variance[index % channels] += distance * distance / Scalar(rows - correction)
        }
        return statistics
    }

    /// `running`: the statistics to use outside training; nil in training, where the batch's own count.
    package static func batchNorm(
        _ x: Array, gain: Array, shift: Array, epsilon: Scalar, running: ChannelStatistics? = nil
    ) -> Array {
        let normalised = batchNormalise(x, channels: gain.count, epsilon: epsilon, running: running).values
        return normalised.indices.map { normalised[$0] * gain[$0 % gain.count] + shift[$0 % gain.count] }
    }

    /// The running statistics after a batch: a share `momentum` of the batch's, whose variance has no bias.
    package static func batchNormRunning(_ running: ChannelStatistics, after x: Array, momentum: Scalar)
        -> ChannelStatistics
    {
        let batch = batchStatistics(x, channels: running.mean.count, correction: 1)
        return ChannelStatistics(
            mean: zip(running.mean, batch.mean).map { (1 - momentum) * $0 + momentum * $1 },
            variance: zip(running.variance, batch.variance).map { (1 - momentum) * $0 + momentum * $1 })
    }

    /// Normalised x and 1 / sqrt(variance + epsilon) (channels).
    private static func batchNormalise(_ x: Array, channels: Int, epsilon: Scalar, running: ChannelStatistics?) -> (
        values: Array, inverse: Array
    ) {
        let statistics = running ?? batchStatistics(x, channels: channels)
        let inverse = statistics.variance.map { 1 / ($0 + epsilon).squareRoot() }
        return (x.indices.map { (x[$0] - statistics.mean[$0 % channels]) * inverse[$0 % channels] }, inverse)
    }

    /// dx and the gradients of gain and shift (channels).
    ///
    /// In training the batch's mean and variance depend on x, so that dx loses its mean and its projection on the
    /// normalised x. With `running` they are constants and nothing is subtracted.
    package static func batchNormBackward(
        _ dy: Array, _ x: Array, gain: Array, epsilon: Scalar, running: ChannelStatistics? = nil
    ) -> (dx: Array, dGain: Array, dShift: Array) {
        let channels = gain.count
        let (normalised, inverse) = batchNormalise(x, channels: channels, epsilon: epsilon, running: running)
        let rows = Scalar(x.count / channels)
        var dGain = Array(repeating: 0, count: channels)
        var dShift = dGain
        for index in dy.indices {
            dGain[index % channels] += dy[index] * normalised[index]
            dShift[index % channels] += dy[index]
        }
        let dx = dy.indices.map { index in
            let c = index % channels
            let own = running == nil ? (dShift[c] + normalised[index] * dGain[c]) / rows : 0
            return gain[c] * inverse[c] * (dy[index] - own)
        }
        return (dx, dGain, dShift)
    }
}
