package import Neural

/// The image encoder forward and backward on one batch, the images shared among threads (IMPALA's network at 72 x 96).
/// Pixels, parameters and gradients are made up. The forward pass is that of training (`mode: .training`), whose
/// intermediate values the backward pass needs.
package struct EncoderBenchmark {
    package static let name = "encoder"
    /// The encoder's shape; by default IMPALA's deep network.
    package var settings = ImageEncoderSettings()
    /// Images of a batch.
    package var images = 32
    package let threads: Int

    package init(threads: Int) { self.threads = threads }

    /// Images a second, and GFLOP/s beside the machine's peak on as many threads. The share of a repetition is to the
    /// mean of the peaks before and after it.
    package func run(_ plan: BenchmarkPlan) throws -> BenchmarkResult {
        let layout = try ImageEncoderLayout(settings)
        let encoder = ImageEncoder(layout, images: images, pool: WorkerPool(count: threads))
        let (parameters, gradient) = (FloatBuffer(layout.parameters.count), FloatBuffer(layout.parameters.count))
        let statistics = FloatBuffer(layout.statistics.count)
        let dOutputs = FloatBuffer(images * settings.outputWidth)
        var word: UInt32 = 1
        func next() -> UInt32 {
            word = word &* 1_664_525 &+ 1_013_904_223
            return word >> 8
        }
        layout.initialise(parameters) { Float(next()) * 0x1p-24 }
        layout.initialiseStatistics(statistics)
        dOutputs.fillWithNoise()
        let pixels = (0..<(images * layout.pixelCount)).map { _ in UInt8(truncatingIfNeeded: next() >> 8) }
        func pass() {
            encoder.forward(
                parameters: parameters, statistics: statistics, pixels: pixels, images: images, mode: .training)
            encoder.backward(dOutputs.start, parameters: parameters, pixels: pixels, gradient: gradient)
        }
        let peak = ProductPeak(threads: threads)
        let calls = plan.warmUp(pass)
        var frames: [Double] = []
        var peaks = [peak.sample()]
        var shares: [Double] = []
        let gigaOperations = Double(layout.operations) / 1e9
        for repetition in 1...plan.repetitions {
            let seconds = secondsTaken { for _ in 0..<calls { pass() } }
            frames.append(Double(calls * images) / seconds)
            peaks.append(peak.sample())
            shares.append(
                frames[repetition - 1] * gigaOperations / ((peaks[repetition - 1] + peaks[repetition]) / 2))
        }
        try plan.progress("\(Self.name): \(Int(frames.median)) images a second")
        return BenchmarkResult(
            name: Self.name,
            configuration: [
                "height": .init(settings.height), "width": .init(settings.width), "images": .init(images),
                "threads": .init(threads),
            ], rates: [.frames: frames, .gflops: frames.map { $0 * gigaOperations }],
            measured: ["share_of_peak": shares.median, "peak_gflops": peaks.median])
    }
}
