import Neural
import NeuralReference
import Testing

/// A convolution's shape, as a test's argument and in the golden files.
struct ConvolutionShape: Decodable, Sendable, CustomTestStringConvertible {
    let height: Int
    let width: Int
    let inputs: Int
    let outputs: Int
    let kernel: Int
    let stride: Int
    let padding: Int

    init(_ size: (Int, Int), _ channels: (Int, Int), _ kernel: Int, _ stride: Int, _ padding: Int) {
        (height, width) = size
        (inputs, outputs) = channels
        (self.kernel, self.stride, self.padding) = (kernel, stride, padding)
    }

    var testDescription: String {
        "\(height) x \(width) x \(inputs) to \(outputs), kernel \(kernel), stride \(stride), padding \(padding)"
    }

    var window: WindowGeometry {
        WindowGeometry(height: height, width: width, kernel: kernel, stride: stride, padding: padding)
    }

    var layer: Convolution {
        Convolution(
            height: height, width: width, inputs: inputs, outputs: outputs, kernel: kernel, stride: stride,
            padding: padding)
    }
}

/// What the fast path makes of a batch of images.
struct ConvolutionRun {
    var y: [Float]
    var dx: [Float]
    var dWeight: [Float]
    var dBias: [Float]

    /// `addends`: of the output and of the image's gradient. `rectified`: the layer sees max(x, 0).
    init(
        _ layer: Convolution, x: [Float], weight: [Float], bias: [Float]?, dy: [Float], rectified: Bool = false,
        addends: ([Float], [Float])? = nil
    ) {
        let images = x.count / layer.inputCount
        let nothing = [Float](repeating: 0, count: layer.scratchCount)
        var (scratch, padded) = (nothing, nothing)
        var packed = [Float](repeating: .nan, count: layer.packedCount)
        var packedBackward = [Float](repeating: .nan, count: layer.packedBackwardCount)
        var packedGradient = [Float](repeating: 0, count: layer.packedCount)
        layer.pack(weight, into: &packed)
        layer.packBackward(weight, into: &packedBackward)
        y = addends?.0 ?? [Float](repeating: .nan, count: dy.count)
        dx = addends?.1 ?? [Float](repeating: .nan, count: x.count)
        dWeight = [Float](repeating: 0, count: weight.count)
        dBias = [Float](repeating: 0, count: layer.outputs)
        for image in 0..<images {
            let (input, output) = (image * layer.inputCount, image * layer.outputCount)
            x.withUnsafeBufferPointer { x in
                guard let x = x.baseAddress else { return }
                layer.pad(x + input, rectified: rectified, into: &padded)
                y.withUnsafeMutableBufferPointer { y in
                    guard let y = y.baseAddress else { return }
                    layer.forward(
                        padded: padded, packed: packed, bias: bias,
                        adding: addends == nil ? nil : UnsafePointer(y + output),
                        into: y + output)
                }
                dy.withUnsafeBufferPointer { dy in
                    guard let dy = dy.baseAddress else { return }
                    layer.weightGradient(dy + output, padded: padded, into: &packedGradient)
                    layer.biasGradient(dy + output, into: &dBias)
                    dx.withUnsafeMutableBufferPointer { dx in
                        guard let dx = dx.baseAddress else { return }
                        layer.inputGradient(
                            dy + output, packedBackward: packedBackward, gate: rectified ? x + input : nil,
                            adding: addends == nil ? nil : UnsafePointer(dx + input), scratch: &scratch,
                            into: dx + input)
                    }
                }
            }
        }
        layer.unpack(packedGradient, into: &dWeight)
    }
}

@Suite("The image kernels against the plain layers")
struct ImageLayerTests {
    typealias Plain = Reference<Float>

    static let shapes = [
        ConvolutionShape((5, 7), (3, 16), 3, 1, 1), ConvolutionShape((6, 50), (16, 16), 3, 1, 1),
        ConvolutionShape((5, 24), (16, 32), 3, 1, 1), ConvolutionShape((4, 31), (32, 17), 3, 1, 1),
        ConvolutionShape((3, 12), (64, 48), 3, 1, 1), ConvolutionShape((7, 9), (5, 7), 5, 1, 2),
        ConvolutionShape((9, 8), (3, 20), 5, 2, 1), ConvolutionShape((8, 27), (16, 5), 3, 2, 0),
        ConvolutionShape((7, 7), (17, 33), 1, 1, 0), ConvolutionShape((7, 8), (4, 16), 1, 2, 0),
        ConvolutionShape((5, 6), (6, 9), 3, 1, 0), ConvolutionShape((5, 6), (6, 9), 3, 1, 2),
        ConvolutionShape((6, 5), (2, 3), 1, 1, 2), ConvolutionShape((6, 5), (2, 3), 3, 3, 1),
        ConvolutionShape((1, 1), (1, 1), 1, 1, 0), ConvolutionShape((8, 8), (4, 16), 8, 4, 0),
        ConvolutionShape((9, 14), (3, 32), 5, 2, 2), ConvolutionShape((6, 7), (128, 128), 5, 2, 2),
        ConvolutionShape((1, 2), (3, 4), 5, 2, 2), ConvolutionShape((2, 3), (3, 17), 5, 4, 2),
        ConvolutionShape((5, 6), (4, 5), 2, 3, 0),
    ]

    @Test("convolution", arguments: shapes)
    func convolution(shape: ConvolutionShape) {
        let (layer, images) = (shape.layer, 2)
        let x = floats(numbers(images * layer.inputCount, seed: 1))
        let weight = floats(numbers(layer.weightShape.reduce(1, *), seed: 2, scale: 0.3))
        let (bias, dy) = (floats(numbers(shape.outputs, seed: 3)), floats(numbers(images * layer.outputCount, seed: 4)))
        let run = ConvolutionRun(layer, x: x, weight: weight, bias: bias, dy: dy)
        expectClose(run.y, Plain.convolution(x, weight, bias, inputs: shape.inputs, shape.window))
        let expected = Plain.convolutionBackward(dy, x, weight, inputs: shape.inputs, shape.window)
        expectClose(run.dx, expected.dx)
        expectClose(run.dWeight, expected.dWeight)
        expectClose(run.dBias, expected.dBias)
    }

    @Test("convolution of a rectified image into a skip connection, without a bias", arguments: shapes)
    func fused(shape: ConvolutionShape) {
        let (layer, images) = (shape.layer, 2)
        let x = floats(numbers(images * layer.inputCount, seed: 5))
        let weight = floats(numbers(layer.weightShape.reduce(1, *), seed: 6, scale: 0.3))
        let dy = floats(numbers(images * layer.outputCount, seed: 7))
        let skip = floats(numbers(dy.count, seed: 8))
        let skipGradient = floats(numbers(x.count, seed: 9))
        let run = ConvolutionRun(
            layer, x: x, weight: weight, bias: nil, dy: dy, rectified: true, addends: (skip, skipGradient))
        let rectified = Plain.rectify(x)
        let y = Plain.convolution(rectified, weight, nil, inputs: shape.inputs, shape.window)
        expectClose(run.y, zip(y, skip).map { $0 + $1 })
        let expected = Plain.convolutionBackward(dy, rectified, weight, inputs: shape.inputs, shape.window)
        expectClose(run.dx, zip(Plain.rectifyBackward(expected.dx, x), skipGradient).map { $0 + $1 })
        expectClose(run.dWeight, expected.dWeight)
    }

    @Test("pixels are divided by 255")
    func pixels() {
        let layer = ConvolutionShape((3, 4), (3, 2), 3, 1, 1).layer
        let pixels = (0..<layer.inputCount).map { UInt8($0 * 7 % 256) }
        var (found, expected) = (
            [Float](repeating: .nan, count: layer.scratchCount), [Float](repeating: .nan, count: layer.scratchCount)
        )
        layer.pad(pixels: pixels, into: &found)
        layer.pad(pixels.map { Float($0) / 255 }, into: &expected)
        expectClose(Array(found[..<(5 * 6 * 3)]), Array(expected[..<(5 * 6 * 3)]), tolerance: 1e-7)
    }

    @Test("a NaN goes through a rectification and a pool, so that divergence shows")
    func nan() {
        let layer = ConvolutionShape((1, 3), (1, 1), 1, 1, 0).layer
        var padded = [Float](repeating: 0, count: layer.scratchCount)
        layer.pad([1, .nan, -1], rectified: true, into: &padded)
        #expect(padded[0] == 1 && padded[1].isNaN && padded[2] == 0)
        var (y, places): ([Float], [UInt8]) = ([0], [0])
        MaxPool(height: 1, width: 3, channels: 1, kernel: 1, stride: 3).forward(
            [.nan, 1, 2], into: &y, places: &places)
        #expect(y[0].isNaN)
    }

    @Test(
        "max pool, with ties",
        arguments: [
            (7, 6, 3, 3, 2, 1), (8, 8, 16, 2, 2, 0), (5, 7, 37, 3, 1, 1), (9, 7, 2, 5, 3, 2), (15, 15, 1, 15, 1, 7),
        ])
    func maxPool(height: Int, width: Int, channels: Int, kernel: Int, stride: Int, padding: Int) {
        let window = WindowGeometry(height: height, width: width, kernel: kernel, stride: stride, padding: padding)
        let layer = MaxPool(
            height: height, width: width, channels: channels, kernel: kernel, stride: stride, padding: padding)
        let x = numbers(layer.inputCount, seed: 10).map { Float(($0 * 2).rounded()) - 9 }
        let dy = floats(numbers(layer.outputCount, seed: 11))
        var y = [Float](repeating: .nan, count: layer.outputCount)
        var places = [UInt8](repeating: 0, count: layer.outputCount)
        var dx = [Float](repeating: .nan, count: layer.inputCount)
        layer.forward(x, into: &y, places: &places)
        layer.backward(dy, places: places, into: &dx)
        #expect(y == Plain.maxPool(x, channels: channels, window))
        expectClose(dx, Plain.maxPoolBackward(dy, x, channels: channels, window), tolerance: 1e-6)
    }

    @Test("batch norm over several images", arguments: [true, false], [3, 16, 18])
    func batchNorm(training: Bool, channels: Int) {
        let x = floats(numbers(3 * 35 * channels, seed: 12)).map { $0 * 2 + 5 }
        let case1 = BatchNormCase(
            x: x, dy: floats(numbers(x.count, seed: 13)), gain: floats(numbers(channels, seed: 14)),
            shift: floats(numbers(channels, seed: 15)), mean: floats(numbers(channels, seed: 16)),
            variance: numbers(channels, seed: 17).map { Float(0.5 + abs($0)) })
        let run = case1.run(images: 3, training: training)
        let running = Plain.ChannelStatistics(mean: case1.mean, variance: case1.variance)
        let used = training ? nil : running
        expectClose(
            run.y, Plain.batchNorm(x, gain: case1.gain, shift: case1.shift, epsilon: 1e-5, running: used))
        let d = Plain.batchNormBackward(case1.dy, x, gain: case1.gain, epsilon: 1e-5, running: used)
        expectClose(run.dx, d.dx)
        expectClose(run.dGain, d.dGain)
        expectClose(run.dShift, d.dShift)
        let after = training ? Plain.batchNormRunning(running, after: x, momentum: 0.1) : running
        expectClose(run.mean, after.mean)
        expectClose(run.variance, after.variance)
    }
}
