/// Images through an image encoder whose parameters lie in a buffer of its owner's, in bounded memory.
///
/// So many images go through together as fit `mostBytes`. A larger batch goes in parts of about the same size: each is
/// normalised by itself, and computed a second time for its gradient, so that the memory does not grow with the batch.
package final class BoundedImageEncoder {
    /// Of activations and their gradients.
    package static let mostBytes = 2 << 30
    /// Images that are encoded together with frozen parameters.
    private static let imagesOfEncoding = 32

    private let encoder: ImageEncoder
    private let parameters: FloatBuffer
    /// Of the encoder's first parameter.
    private let offset: Int
    private let learns: Bool
    private var step = 0
    /// Called after each part, forward and backward.
    package var onProgress: (() -> Void)?

    /// `observations`: at most so many in a call. `dropoutKey`: nil where nothing is learnt.
    package init(
        _ layout: ImageEncoderLayout, parameters: FloatBuffer, offset: Int, observations: Int, pool: WorkerPool,
        dropoutKey: (UInt32, UInt32)?, mostBytes: Int = mostBytes
    ) {
        self.parameters = parameters
        self.offset = offset
        let most = dropoutKey == nil ? Self.imagesOfEncoding : max(2, mostBytes / layout.bytesOfImage)
        encoder = ImageEncoder(
            layout, images: max(1, min(most, observations)), pool: pool, learns: dropoutKey != nil,
            dropoutKey: dropoutKey ?? (0, 0))
        learns = dropoutKey != nil
        parametersHaveChanged()
    }

    /// To be called after each change of the parameters of one that does not learn.
    package func parametersHaveChanged() {
        if !learns { encoder.take(parameters.start + offset) }
    }

    /// Vectors (count, output width) of `count` images, as optimiser step `step` makes them: with dropout, and with what a
    /// batch norm learns of them.
    package func forward(
        _ observations: UnsafeRawPointer, count: Int, step: Int, into vectors: UnsafeMutablePointer<Float>
    ) {
        self.step = step
        run(observations, count, .training(step: step), into: vectors)
    }

    /// The vectors with frozen parameters. Each has the same bits whatever the others are, and however many.
    package func encode(_ observations: UnsafeRawPointer, count: Int, into vectors: UnsafeMutablePointer<Float>) {
        run(observations, count, .evaluation, into: vectors)
    }

    /// Adds to `gradients`, laid out as the buffer of the parameters, what the gradient (count, output width) of the last
    /// `forward` asks for. Once for each, with the same images.
    package func backward(
        _ vectorGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, count: Int,
        into gradients: UnsafeMutablePointer<Float>
    ) {
        let parts = parts(of: count)
        for part in parts {
            let pixels = pixels(observations, part)
            if parts.count > 1 { forward(pixels, part, .repeated(step: step)) }
            encoder.backward(
                vectorGradients + part.lowerBound * width, parameters: parameters.start + offset, pixels: pixels,
                gradient: gradients + offset)
            onProgress?()
        }
    }

    private var width: Int { encoder.layout.outputWidth }

    /// As few parts as fit, of about the same size.
    private func parts(of count: Int) -> [Range<Int>] {
        let parts = (count + encoder.capacity - 1) / encoder.capacity
        return (0..<parts).map { count * $0 / parts..<count * ($0 + 1) / parts }
    }

    private func pixels(_ observations: UnsafeRawPointer, _ images: Range<Int>) -> UnsafePointer<UInt8> {
        (observations + images.lowerBound * encoder.layout.image.byteCount).assumingMemoryBound(to: UInt8.self)
    }

    @discardableResult
    private func forward(_ pixels: UnsafePointer<UInt8>, _ images: Range<Int>, _ mode: ImageEncoder.Mode)
        -> UnsafePointer<Float>
    {
        encoder.forward(
            parameters: parameters.start + offset, pixels: pixels, images: images.count,
            firstImage: images.lowerBound, mode: mode)
    }

    private func run(
        _ observations: UnsafeRawPointer, _ count: Int, _ mode: ImageEncoder.Mode,
        into vectors: UnsafeMutablePointer<Float>
    ) {
        for part in parts(of: count) {
            (vectors + part.lowerBound * width).update(
                from: forward(pixels(observations, part), part, mode), count: part.count * width)
            onProgress?()
        }
    }
}
