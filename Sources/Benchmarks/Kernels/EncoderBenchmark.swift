package import Neural
import Settings

/// An image encoder forward and backward on one batch, the images shared among threads. Pixels, parameters and gradients
/// are made up. The forward pass is that of training, whose intermediate values the backward pass needs.
package struct EncoderBenchmark {
    package static var names: [String] { RegisteredImageEncoder.registry.names.map(name) }

    package let choice: ImageEncoderChoice
    /// The paper's by default.
    package var image = ImageSize(height: 72, width: 96, colours: 3)
    /// Images of a batch; by default those of the paper's Table 5, 8 sequences of 40.
    package var images = 320
    package let threads: Int

    package init(_ choice: ImageEncoderChoice, threads: Int) {
        self.choice = choice
        self.threads = threads
    }

    private static func name(_ kind: String) -> String { "encoder-\(kind)" }

    /// Those of all kinds with their defaults whose names contain `word`. Throws what `run` throws.
    package static func run(threads: Int, plan: BenchmarkPlan, containing word: String) throws -> [BenchmarkResult] {
        try RegisteredImageEncoder.registry.all.filter { word.isEmpty || name($0.name).contains(word) }.map {
            try EncoderBenchmark(ImageEncoderChoice($0), threads: threads).run(plan)
        }
    }

    /// Images a second, and GFLOP/s beside the machine's peak on as many threads. The share of a repetition is to the
    /// mean of the peaks before and after it.
    package func run(_ plan: BenchmarkPlan) throws -> BenchmarkResult {
        let layout = try ImageEncoderLayout(choice, image: image)
        let encoder = ImageEncoder(layout, images: images, pool: WorkerPool(count: threads))
        let (parameters, gradient) = (FloatBuffer(layout.parameters.count), FloatBuffer(layout.parameters.count))
        let dOutputs = FloatBuffer(images * layout.outputWidth)
        var word: UInt32 = 1
        func next() -> UInt32 {
            word = word &* 1_664_525 &+ 1_013_904_223
            return word >> 8
        }
        layout.initialise(parameters.start) { Float(next()) * 0x1p-24 }
        dOutputs.fillWithNoise()
        let pixels = (0..<(images * image.byteCount)).map { _ in UInt8(truncatingIfNeeded: next() >> 8) }
        func pass() {
            encoder.forward(parameters: parameters.start, pixels: pixels, images: images, mode: .training(step: 0))
            encoder.backward(
                dOutputs.start, parameters: parameters.start, pixels: pixels, gradient: gradient.start)
        }
        let peak = ProductPeak(threads: threads)
        let calls = plan.warmUp(pass)
        var frames: [Double] = []
        var peaks = [peak.sample()]
        var shares: [Double] = []
        let gigaOperations = Double(layout.operations) / 1e9
        for repetition in 1...plan.repetitions {
            try plan.mayGoOn()
            let seconds = secondsTaken { for _ in 0..<calls { pass() } }
            frames.append(Double(calls * images) / seconds)
            peaks.append(peak.sample())
            shares.append(
                frames[repetition - 1] * gigaOperations / ((peaks[repetition - 1] + peaks[repetition]) / 2))
        }
        let name = Self.name(choice.kind.name)
        try plan.progress("\(name): \(Int(frames.median)) images a second")
        return BenchmarkResult(
            name: name,
            configuration: [
                "height": .init(image.height), "width": .init(image.width), "images": .init(images),
                "threads": .init(threads),
            ], rates: [.frames: frames, .gflops: frames.map { $0 * gigaOperations }],
            measured: ["share_of_peak": shares.median, "peak_gflops": peaks.median])
    }
}
