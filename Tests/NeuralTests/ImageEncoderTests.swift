import Experience
import Neural
import Settings
import Testing

@Suite("The image encoders")
struct ImageEncoderTests {
    /// Small ones of both kinds, with all that a kind can have.
    enum Case: String, CaseIterable, Sendable {
        case residual, residualWithNorms, convolutional, convolutionalWithDropout

        var choice: ImageEncoderChoice {
            switch self {
            case .residual, .residualWithNorms:
                var settings = ResidualEncoder.Settings()
                (settings.channels, settings.units, settings.batchNorm) = ([16, 20], 11, self == .residualWithNorms)
                return ImageEncoderChoice(ResidualEncoder.self, settings)
            case .convolutional, .convolutionalWithDropout:
                var settings = ConvolutionalEncoder.Settings()
                (settings.channels, settings.units) = ([16, 20], 11)
                settings.dropout = self == .convolutional ? 0 : 0.3
                return ImageEncoderChoice(ConvolutionalEncoder.self, settings)
            }
        }

        var hasNorms: Bool { self != .residual }
    }

    static let image = ImageSize(height: 18, width: 25, colours: 3)
    static let images = 19
    static let outputs = 7

    static func run(_ which: Case, threads: Int, images: Int = images) throws -> ImageEncoderRun {
        let run = try ImageEncoderRun(which.choice, image: image, head: outputs, images: images, threads: threads)
        let generator = Philox(key0: 3, key1: 4)
        var index: UInt32 = 0
        run.layout.initialise(run.parameters.start) {
            index += 1
            return Philox.unit(generator.block(index, 0, 0, 0).x)
        }
        return run
    }

    let pixels = (0..<(images * image.byteCount)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let targets = floats(numbers(images * outputs, seed: 1))

    @Test("give the same bits with any number of threads", arguments: Case.allCases)
    func threads(which: Case) throws {
        let runs = try [1, 2, 3, 8].map { try Self.run(which, threads: $0) }
        let outputs = runs.map { $0.step(pixels, targets: targets).outputs }
        for other in 1..<runs.count {
            #expect(outputs[other] == outputs[0])
            #expect(runs[other].gradient.values == runs[0].gradient.values)
            #expect(runs[other].parameters.values == runs[0].parameters.values)
        }
    }

    @Test("know nothing of a step before in the next", arguments: Case.allCases)
    func repeated(which: Case) throws {
        let run = try Self.run(which, threads: 2)
        let first = (run.step(pixels, targets: targets).outputs, run.gradient.values)
        _ = run.step(pixels.map { 255 - $0 }, targets: targets)
        let again = (run.step(pixels, targets: targets).outputs, run.gradient.values)
        #expect(first.0 == again.0 && first.1 == again.1)
    }

    @Test("drop other elements in another step, for another first image, and none in an evaluation")
    func dropout() throws {
        let run = try Self.run(.convolutionalWithDropout, threads: 2)
        let first = run.forward(pixels, mode: .training(step: 0))
        #expect(run.forward(pixels, mode: .training(step: 1)) != first)
        let shifted = run.encoder.forward(
            parameters: run.parameters.start, pixels: pixels, images: Self.images, firstImage: 1,
            mode: .training(step: 0))
        #expect(Array(UnsafeBufferPointer(start: shifted, count: first.count)) != first)
        let without = try Self.run(.convolutional, threads: 2)
        #expect(run.forward(pixels, mode: .evaluation) != without.forward(pixels, mode: .evaluation))
        without.parameters.copy(from: run.parameters)
        #expect(run.forward(pixels, mode: .evaluation) == without.forward(pixels, mode: .evaluation))
    }

    @Test("move running statistics in training alone, and only the first time", arguments: Case.allCases)
    func statistics(which: Case) throws {
        let run = try Self.run(which, threads: 2)
        let before = run.parameters.values
        let repeated = run.step(pixels, targets: targets, mode: .repeated(step: 0))
        let gradient = run.gradient.values
        _ = run.forward(pixels, mode: .evaluation)
        #expect(run.parameters.values == before)
        let moved = run.step(pixels, targets: targets, mode: .training(step: 0))
        #expect(moved.outputs == repeated.outputs && run.gradient.values == gradient)
        #expect((run.parameters.values != before) == which.hasNorms)
        for tensor in run.layout.parameters.tensors where tensor.name.contains("running") {
            #expect(gradient[tensor.offset..<(tensor.offset + tensor.count)].allSatisfy { $0 == 0 })
        }
    }

    @Test(
        "without batch norm, and in an evaluation, a vector does not depend on the other images",
        arguments: Case.allCases)
    func independence(which: Case) throws {
        let run = try Self.run(which, threads: 2)
        let mode: ImageEncoder.Mode = which.hasNorms ? .evaluation : .training(step: 0)
        let before = run.forward(pixels, mode: mode)
        let after = run.forward(
            pixels.enumerated().map { $0.offset < Self.image.byteCount ? 255 - $0.element : $0.element }, mode: mode)
        #expect(before[..<Self.outputs] != after[..<Self.outputs])
        #expect(before[Self.outputs...] == after[Self.outputs...])
        let alone = try Self.run(which, threads: 1, images: 1)
        alone.parameters.copy(from: run.parameters)
        #expect(
            alone.forward(Array(pixels.suffix(Self.image.byteCount)), mode: mode)[...] == before.suffix(Self.outputs))
    }

    @Test(
        "have gradients that agree with differences of the loss along random directions", arguments: Case.allCases,
        [true, false])
    func differences(which: Case, isTraining: Bool) throws {
        let run = try Self.run(which, threads: 2)
        let mode: ImageEncoder.Mode = isTraining ? .repeated(step: 2) : .evaluation
        _ = run.step(pixels, targets: targets, mode: mode)
        let gradient = run.gradient.values
        let start = run.parameters.values
        let norm = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        let isStatistic = statisticPlaces(run.layout)
        for seed in 0..<4 {
            // Half along the gradient, half at random, so that the slope stands out from rounding.
            let random = numbers(start.count, seed: UInt32(seed) + 50, scale: 0.02)
            let direction = start.indices.map {
                isStatistic[$0] ? 0 : Float(random[$0]) + gradient[$0] / Float(norm)
            }
            let slope = zip(gradient, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            func loss(_ distance: Float) -> Double {
                for index in start.indices { run.parameters.start[index] = start[index] + distance * direction[index] }
                return run.step(pixels, targets: targets, mode: mode).loss
            }
            let step: Float = 2e-3
            let difference = (loss(step) - loss(-step)) / Double(2 * step)
            for index in start.indices { run.parameters.start[index] = start[index] }
            #expect(
                abs(difference - slope) < 0.01 * (1 + abs(slope)),
                "seed \(seed): \(slope), by differences \(difference)")
        }
    }

    private func statisticPlaces(_ layout: ImageEncoderLayout) -> [Bool] {
        var places = [Bool](repeating: false, count: layout.parameters.count)
        for tensor in layout.parameters.tensors where tensor.name.contains("running") {
            for index in tensor.offset..<(tensor.offset + tensor.count) { places[index] = true }
        }
        return places
    }

    @Test("an encoder for evaluation alone says the same in a fraction of the memory")
    func evaluation() throws {
        let run = try Self.run(.convolutional, threads: 2)
        let other = ImageEncoder(run.layout, images: 4, pool: WorkerPool(count: 1), learns: false)
        let expected = run.forward(pixels, mode: .evaluation)
        other.take(run.parameters.start)
        let found = other.forward(parameters: run.parameters.start, pixels: pixels, images: 4, mode: .evaluation)
        #expect(
            Array(UnsafeBufferPointer(start: found, count: 4 * Self.outputs))[...] == expected[..<(4 * Self.outputs)])
        #expect(other.byteCount < run.encoder.byteCount / 4)
    }
}

@Suite("The kinds of image encoder")
struct ImageEncoderKindTests {
    static let image = ImageSize(height: 72, width: 96, colours: 3)

    @Test("Table 3 has the sizes that the paper's numbers give")
    func table3() throws {
        let layout = try ImageEncoderLayout(ImageEncoderChoice(ConvolutionalEncoder.self), image: Self.image)
        #expect(layout.parameters["blocks.0.convolution.weight"]?.shape == [128, 3, 5, 5])
        #expect(layout.parameters["blocks.2.convolution.weight"]?.shape == [128, 128, 5, 5])
        #expect(layout.parameters["blocks.2.norm.running_var"]?.shape == [128])
        #expect(layout.parameters["linear.weight"]?.shape == [256, 128 * 2 * 2])
        #expect(layout.parameters["blocks.0.convolution.bias"] == nil)
    }

    @Test("Table 5 has the parameters of the deep network of IMPALA, with other channels")
    func table5() throws {
        let layout = try ImageEncoderLayout(ImageEncoderChoice(ResidualEncoder.self), image: Self.image)
        #expect(layout.parameters["groups.0.convolution.weight"]?.shape == [32, 3, 3, 3])
        #expect(layout.parameters["groups.2.blocks.1.convolution2.bias"]?.shape == [64])
        #expect(layout.parameters["linear.weight"]?.shape == [256, 64 * 9 * 12])
        let first = 3 * 288 + 32 + 4 * (32 * 288 + 32)
        let second = 32 * 576 + 64 + 4 * (64 * 576 + 64)
        let third = 5 * (64 * 576 + 64)
        #expect(layout.parameters.parameterCount == first + second + third + 256 * 6912 + 256)
    }

    @Test("every image ends as a pixel at least where pools may reach beyond it", arguments: [1, 2, 3, 5, 8])
    func smallImages(size: Int) throws {
        let layout = try ImageEncoderLayout(
            ImageEncoderChoice(ConvolutionalEncoder.self), image: ImageSize(height: size, width: size, colours: 1))
        #expect(layout.parameters["linear.weight"]?.shape.first == 256)
    }

    @Test("settings that give no network are refused by name")
    func refusals() {
        func refusal<Kind: ImageEncoderKind>(
            _ kind: Kind.Type, _ image: ImageSize = Self.image, _ change: (inout Kind.Settings) -> Void
        ) -> String {
            var settings = Kind.Settings()
            change(&settings)
            do {
                _ = try ImageEncoderLayout(ImageEncoderChoice(kind, settings), image: image)
                return "nothing"
            } catch {
                return "\(error)"
            }
        }
        let small = ImageSize(height: 20, width: 20, colours: 3)
        #expect(refusal(ResidualEncoder.self) { $0.kernel = 4 }.contains("kernel"))
        #expect(refusal(ResidualEncoder.self) { $0.channels = [] }.contains("channels"))
        #expect(refusal(ResidualEncoder.self) { $0.poolPadding = 2 }.contains("a padding of 2"))
        #expect(refusal(ConvolutionalEncoder.self) { $0.units = 0 }.contains("units"))
        #expect(refusal(ConvolutionalEncoder.self) { $0.kernel = 2 }.contains("no middle"))
        #expect(
            refusal(ConvolutionalEncoder.self, small) { $0.partialPools = false }.contains("20 x 20 for every pool"))
        #expect(
            refusal(ResidualEncoder.self) {
                $0.poolPadding = 0
                $0.channels = Array(repeating: 4, count: 7)
            }.contains("for every pool"))
    }
}
