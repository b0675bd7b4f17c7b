/// Forward and backward pass of the image encoder over one batch of random pixels, as a training step has them.
package final class ImageEncoderBenchmark {
    package let settings: ImageEncoderSettings
    package let images: Int
    private let encoder: ImageEncoder
    private let parameters: FloatBuffer
    private let statistics: FloatBuffer
    private let gradient: FloatBuffer
    private let pixels: [UInt8]
    private let dOutputs: [Float]

    /// Throws when no network has these settings.
    package init(settings: ImageEncoderSettings = ImageEncoderSettings(), images: Int = 32, threads: Int) throws {
        let layout = try ImageEncoderLayout(settings)
        self.settings = settings
        self.images = images
        encoder = ImageEncoder(layout, images: images, pool: WorkerPool(count: threads))
        parameters = FloatBuffer(layout.parameters.count)
        statistics = FloatBuffer(layout.statistics.count)
        gradient = FloatBuffer(layout.parameters.count)
        var state: UInt32 = 1
        func next() -> UInt32 {
            state = state &* 1_664_525 &+ 1_013_904_223
            return state >> 8
        }
        layout.initialise(parameters) { Float(next()) / Float(1 << 24) }
        layout.initialiseStatistics(statistics)
        pixels = (0..<(images * layout.pixelCount)).map { _ in UInt8(truncatingIfNeeded: next() >> 8) }
        dOutputs = (0..<(images * settings.outputWidth)).map { _ in Float(next()) / Float(1 << 24) - 0.5 }
    }

    /// Floating-point operations of a step: 2 a multiplication and addition of every convolution and of the linear
    /// layer, three passes each, but two of the first convolution, whose input is pixels.
    package var operations: Int { images * encoder.layout.operationsPerImage }

    /// Bytes of the encoder's memory, parameters aside.
    package var byteCount: Int { encoder.byteCount }

    /// Forward and backward pass of the batch.
    package func step() {
        encoder.forward(
            parameters: parameters, statistics: statistics, pixels: pixels, images: images, mode: .training)
        encoder.backward(dOutputs, parameters: parameters, pixels: pixels, gradient: gradient)
    }
}
