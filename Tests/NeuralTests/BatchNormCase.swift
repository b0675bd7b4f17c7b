import Neural

/// A batch norm's input, and what the fast path makes of it.
struct BatchNormCase {
    var x: [Float]
    var dy: [Float]
    var gain: [Float]
    var shift: [Float]
    /// Running statistics.
    var mean: [Float]
    var variance: [Float]

    struct Run {
        var y: [Float]
        var dx: [Float]
        var dGain: [Float]
        var dShift: [Float]
        var mean: [Float]
        var variance: [Float]
    }

    func run(images: Int, training: Bool) -> Run {
        let channels = gain.count
        let norm = BatchNorm(channels: channels, pixels: x.count / channels / images)
        let zero = [Float](repeating: 0, count: channels)
        var run = Run(y: x, dx: dy, dGain: zero, dShift: zero, mean: mean, variance: variance)
        let (input, sums, memory) = (
            FloatBuffer(x.count), FloatBuffer(images * 2 * channels), FloatBuffer(4 * channels)
        )
        for index in x.indices { input.start[index] = x[index] }
        let statistics = BatchNorm.Statistics(at: memory.start, channels: channels)
        let size = norm.pixels * channels
        if training {
            for image in 0..<images {
                norm.moments(input.start + image * size, into: sums.start + image * 2 * channels)
            }
            norm.gather(
                sums.start, images: images, into: statistics, runningMean: &run.mean, runningVariance: &run.variance)
        } else {
            norm.evaluation(runningMean: run.mean, runningVariance: run.variance, into: statistics)
        }
        let output = FloatBuffer(x.count)
        for image in 0..<images {
            norm.forward(
                input.start + image * size, statistics, gain: gain, shift: shift, into: output.start + image * size)
        }
        run.y = output.values
        for index in dy.indices { output.start[index] = dy[index] }
        for image in 0..<images {
            norm.backwardSums(
                output.start + image * size, input.start + image * size, statistics,
                into: sums.start + image * 2 * channels)
        }
        let means = memory.start + 2 * channels
        norm.backwardGather(
            sums.start, images: images, training: training, dGain: &run.dGain, dShift: &run.dShift, means: means)
        for image in 0..<images {
            norm.backward(
                output.start + image * size, input.start + image * size, statistics, gain: gain, means: means,
                into: output.start + image * size)
        }
        run.dx = output.values
        return run
    }
}
