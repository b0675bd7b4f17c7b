import Neural

/// An encoder with its buffers and the mean square to targets as its loss.
final class ImageEncoderRun {
    let layout: ImageEncoderLayout
    let encoder: ImageEncoder
    let images: Int
    let parameters: FloatBuffer
    let gradient: FloatBuffer

    /// `head`: outputs of a linear layer behind the encoder's; 0 for none.
    init(_ choice: ImageEncoderChoice, image: ImageSize, head: Int = 0, images: Int, threads: Int) throws {
        layout = try ImageEncoderLayout(choice, image: image, head: head > 0 ? ("head", head) : nil)
        self.images = images
        encoder = ImageEncoder(layout, images: images, pool: WorkerPool(count: threads), dropoutKey: (5, 6))
        parameters = FloatBuffer(layout.parameters.count)
        gradient = FloatBuffer(layout.parameters.count)
        layout.initialise(parameters.start) { 0.5 }
    }

    func forward(_ pixels: [UInt8], mode: ImageEncoder.Mode) -> [Float] {
        let outputs = encoder.forward(parameters: parameters.start, pixels: pixels, images: images, mode: mode)
        return Array(UnsafeBufferPointer(start: outputs, count: images * layout.outputWidth))
    }

    /// Loss, outputs, and `gradient` afresh.
    func step(_ pixels: [UInt8], targets: [Float], mode: ImageEncoder.Mode = .training(step: 0)) -> (
        loss: Double, outputs: [Float]
    ) {
        let outputs = forward(pixels, mode: mode)
        let differences = zip(outputs, targets).map { $0 - $1 }
        let loss = differences.reduce(0) { $0 + Double($1) * Double($1) } / Double(targets.count)
        gradient.start.update(repeating: 0, count: gradient.count)
        encoder.backward(
            differences.map { 2 * $0 / Float(targets.count) }, parameters: parameters.start, pixels: pixels,
            gradient: gradient.start)
        return (loss, outputs)
    }
}
