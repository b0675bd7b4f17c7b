import Neural
import NeuralReference
import Testing

@Suite("What follows a convolution, in one pass, against the plain layers")
struct ImageBlockTests {
    typealias Plain = Reference<Float>

    /// A pool, as a test's argument.
    struct Shape: Sendable, CustomTestStringConvertible {
        let height, width, channels, kernel, stride, padding: Int
        let partial: Bool

        var testDescription: String {
            "\(height) x \(width) x \(channels), pool \(kernel) every \(stride), padding \(padding), partial \(partial)"
        }

        var pool: MaxPool {
            MaxPool(
                height: height, width: width, channels: channels, kernel: kernel, stride: stride, padding: padding,
                partial: partial)
        }
    }

    static func shape(
        _ height: Int, _ width: Int, _ channels: Int, _ kernel: Int, _ stride: Int, _ padding: Int = 0,
        partial: Bool = false
    ) -> Shape {
        Shape(
            height: height, width: width, channels: channels, kernel: kernel, stride: stride, padding: padding,
            partial: partial)
    }

    static let shapes = [
        shape(6, 8, 16, 2, 2), shape(7, 9, 20, 2, 2), shape(7, 6, 3, 3, 2, 1), shape(8, 8, 17, 3, 3),
        shape(7, 7, 5, 2, 3), shape(5, 7, 18, 3, 1, 1), shape(9, 7, 2, 5, 3, 2),
    ]

    @Test("norm, rectification, pool and dropout, and their gradients", arguments: shapes, [0, 0.3])
    func block(shape: Shape, dropout: Double) {
        let (pool, images) = (shape.pool, 3)
        let window = WindowGeometry(
            height: shape.height, width: shape.width, kernel: shape.kernel, stride: shape.stride,
            padding: shape.padding)
        let x = floats(numbers(images * pool.inputCount, seed: 1)).map { $0 * 2 + 1 }
        let dy = floats(numbers(images * pool.outputCount, seed: 2))
        let (gain, shift) = (floats(numbers(shape.channels, seed: 3)), floats(numbers(shape.channels, seed: 4)))
        let masks = masks(dropout, images: images, count: pool.outputCount)
        let found = BlockRun(pool, x: x, dy: dy, gain: gain, shift: shift, dropouts: masks.dropouts)
        let normalised = Plain.batchNorm(x, gain: gain, shift: shift, epsilon: 1e-5, running: nil)
        let rectified = Plain.rectify(normalised)
        let pooled = Plain.maxPool(rectified, channels: shape.channels, window)
        expectClose(found.y, zip(pooled, masks.factors).map { $0 * $1 })
        let dPooled = zip(dy, masks.factors).map { $0 * $1 }
        let dRectified = Plain.maxPoolBackward(dPooled, rectified, channels: shape.channels, window)
        let expected = Plain.batchNormBackward(
            Plain.rectifyBackward(dRectified, normalised), x, gain: gain, epsilon: 1e-5, running: nil)
        expectClose(found.dx, expected.dx)
        expectClose(found.dGain, expected.dGain)
        expectClose(found.dShift, expected.dShift)
    }

    @Test("a window that reaches beyond the image is one of what there is of it", arguments: [2, 3], [5, 6, 7, 8])
    func partial(kernel: Int, size: Int) {
        let (whole, channels) = (size.isMultiple(of: kernel) ? size : (size / kernel + 1) * kernel, 3)
        let partial = MaxPool(
            height: size, width: size, channels: channels, kernel: kernel, stride: kernel, partial: true)
        #expect(partial.outputHeight == whole / kernel && partial.outputWidth == whole / kernel)
        let x = floats(numbers(size * size * channels, seed: 5))
        // The same in an image that is large enough, in which what was not there is small.
        var larger = [Float](repeating: -100, count: whole * whole * channels)
        for row in 0..<size {
            for k in 0..<(size * channels) { larger[row * whole * channels + k] = x[row * size * channels + k] }
        }
        var y = [Float](repeating: .nan, count: partial.outputCount)
        var places = [UInt8](repeating: 0, count: partial.outputCount)
        partial.forward(x, into: &y, places: &places)
        let window = WindowGeometry(height: whole, width: whole, kernel: kernel, stride: kernel, padding: 0)
        #expect(y == Plain.maxPool(larger, channels: channels, window))
        var dx = [Float](repeating: .nan, count: x.count)
        partial.backward(y.map { _ in 1 }, places: places, into: &dx)
        #expect(dx.reduce(0, +) == Float(partial.outputCount))
    }

    @Test("a NaN goes through, so that divergence shows")
    func nan() {
        let pool = MaxPool(height: 2, width: 2, channels: 1, kernel: 2, stride: 2)
        var (y, places): ([Float], [UInt8]) = ([0], [0])
        let memory = FloatBuffer(2)
        memory.start[1] = 1
        pool.forward(
            normalising: [1, .nan, 2, 3], BatchNorm.Statistics(at: memory.start, channels: 1), gain: [1], shift: [0],
            into: &y, places: &places)
        #expect(y[0].isNaN)
    }

    /// Dropouts of images, and what each multiplies an output with.
    private func masks(_ probability: Double, images: Int, count: Int) -> (dropouts: [Dropout], factors: [Float]) {
        let dropouts = (0..<images).map {
            Dropout(probability: probability, key: (1, 2), site: 3, sequence: UInt32($0), step: 4)
        }
        let factors = dropouts.flatMap { dropout in
            var ones = [Float](repeating: 1, count: count)
            dropout.apply(&ones, count: count)
            return ones
        }
        return (dropouts, factors)
    }
}

/// What the fast path makes of a batch behind a convolution.
private struct BlockRun {
    var y: [Float]
    var dx: [Float]
    var dGain: [Float]
    var dShift: [Float]

    init(_ pool: MaxPool, x: [Float], dy: [Float], gain: [Float], shift: [Float], dropouts: [Dropout]) {
        let (images, channels) = (dropouts.count, gain.count)
        let norm = BatchNorm(channels: channels, pixels: pool.inputCount / channels)
        let (input, output, dOutput) = (Self.buffer(x), FloatBuffer(dy.count), Self.buffer(dy))
        let (gradient, sums) = (FloatBuffer(x.count), FloatBuffer(images * 2 * channels))
        let memory = FloatBuffer(4 * channels)
        let statistics = BatchNorm.Statistics(at: memory.start, channels: channels)
        var places = [UInt8](repeating: 0, count: dy.count)
        (y, dx) = ([], [])
        (dGain, dShift) = ([Float](repeating: 0, count: channels), [Float](repeating: 0, count: channels))
        for image in 0..<images {
            norm.moments(input.start + image * pool.inputCount, into: sums.start + image * 2 * channels)
        }
        norm.gather(sums.start, images: images, into: statistics, runningMean: nil, runningVariance: nil)
        places.withUnsafeMutableBufferPointer { places in
            guard let places = places.baseAddress else { return }
            for (image, dropout) in dropouts.enumerated() {
                let (x, y) = (input.start + image * pool.inputCount, output.start + image * pool.outputCount)
                let (own, dy) = (places + image * pool.outputCount, dOutput.start + image * pool.outputCount)
                pool.forward(normalising: x, statistics, gain: gain, shift: shift, into: y, places: own)
                dropout.apply(y, count: pool.outputCount)
                dropout.apply(dy, count: pool.outputCount)
                pool.backwardSums(
                    dy, y: y, places: own, normalised: x, statistics, into: sums.start + image * 2 * channels)
            }
            let means = memory.start + 2 * channels
            norm.backwardGather(
                sums.start, images: images, training: true, dGain: &dGain, dShift: &dShift, means: means)
            for image in 0..<images {
                pool.backward(
                    dOutput.start + image * pool.outputCount, y: output.start + image * pool.outputCount,
                    places: places + image * pool.outputCount, normalised: input.start + image * pool.inputCount,
                    statistics, gain: gain, means: means, into: gradient.start + image * pool.inputCount)
            }
        }
        (y, dx) = (output.values, gradient.values)
    }

    private static func buffer(_ values: [Float]) -> FloatBuffer {
        let buffer = FloatBuffer(values.count)
        for index in values.indices { buffer.start[index] = values[index] }
        return buffer
    }
}
