import Experience
import Neural
import Testing

@Suite("The image encoder")
struct ImageEncoderTests {
    static func settings(batchNorm: Bool) -> ImageEncoderSettings {
        var settings = ImageEncoderSettings()
        (settings.height, settings.width, settings.channels) = (18, 25, [16, 20])
        (settings.batchNorm, settings.outputWidth) = (batchNorm, 7)
        return settings
    }

    static func run(batchNorm: Bool, threads: Int) throws -> ImageEncoderRun {
        let run = try ImageEncoderRun(settings(batchNorm: batchNorm), images: 5, threads: threads)
        let generator = Philox(key0: 3, key1: 4)
        var index: UInt32 = 0
        run.layout.initialise(run.parameters) {
            index += 1
            return Philox.unit(generator.block(index, 0, 0, 0).x)
        }
        return run
    }

    let pixels = (0..<(5 * 18 * 25 * 3)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let targets = floats(numbers(5 * 7, seed: 1))

    @Test("gives the same bits for the same threads, and all but the same for others", arguments: [false, true])
    func threads(batchNorm: Bool) throws {
        let runs = try [1, 3, 3, 8].map { try Self.run(batchNorm: batchNorm, threads: $0) }
        let outputs = runs.map { $0.step(pixels, targets: targets).outputs }
        #expect(outputs[1] == outputs[2] && runs[1].gradient.values == runs[2].gradient.values)
        for other in [1, 3] {
            expectClose(outputs[other], outputs[0], tolerance: 1e-6)
            expectClose(runs[other].gradient.values, runs[0].gradient.values, tolerance: 1e-5)
        }
    }

    @Test("its second step knows nothing of its first", arguments: [false, true])
    func repeated(batchNorm: Bool) throws {
        let run = try Self.run(batchNorm: batchNorm, threads: 2)
        let first = (run.step(pixels, targets: targets).outputs, run.gradient.values)
        _ = run.step(pixels.map { 255 - $0 }, targets: targets)
        let again = (run.step(pixels, targets: targets).outputs, run.gradient.values)
        #expect(first.0 == again.0 && first.1 == again.1)
    }

    @Test(
        "without batch norm, and in evaluation, an image's vector does not depend on the others",
        arguments: [false, true])
    func independence(batchNorm: Bool) throws {
        let run = try Self.run(batchNorm: batchNorm, threads: 2)
        let mode: ImageEncoder.Mode = batchNorm ? .evaluation : .training
        let before = run.forward(pixels, mode: mode)
        let image = 18 * 25 * 3
        let after = run.forward(
            pixels.enumerated().map { $0.offset < image ? 255 - $0.element : $0.element }, mode: mode)
        #expect(before[..<7] != after[..<7])
        #expect(before[7...] == after[7...])
    }

    @Test(
        "gradients agree with differences of the loss along random directions", arguments: [false, true],
        [ImageEncoder.Mode.training, .evaluation])
    func differences(batchNorm: Bool, mode: ImageEncoder.Mode) throws {
        let run = try Self.run(batchNorm: batchNorm, threads: 2)
        _ = run.step(pixels, targets: targets, mode: mode)
        let gradient = run.gradient.values
        let start = run.parameters.values
        let norm = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        for seed in 0..<4 {
            // Half along the gradient, half at random, so that the slope stands out from rounding.
            let random = numbers(start.count, seed: UInt32(seed) + 50, scale: 0.02)
            let direction = start.indices.map { Float(random[$0]) + gradient[$0] / Float(norm) }
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

    @Test("the paper's size has the parameters of the deep network of IMPALA")
    func paper() throws {
        let layout = try ImageEncoderLayout(ImageEncoderSettings())
        #expect(layout.parameters["groups.0.convolution.weight"]?.shape == [16, 3, 3, 3])
        #expect(layout.parameters["groups.2.blocks.1.convolution2.bias"]?.shape == [32])
        #expect(layout.parameters["linear.weight"]?.shape == [64, 32 * 9 * 12])
        let convolutions = 3 * 144 + 16 + 4 * (16 * 144 + 16) + 16 * 288 + 32 + 9 * (32 * 288 + 32)
        #expect(layout.parameters.parameterCount == convolutions + 64 * 3456 + 64)
        #expect(layout.statistics.count == 0)
    }

    @Test("refuses sizes that give no network, by name")
    func refusals() {
        func refusal(_ change: (inout ImageEncoderSettings) -> Void) -> String {
            var settings = ImageEncoderSettings()
            change(&settings)
            do {
                _ = try ImageEncoderLayout(settings)
                return "nothing"
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal { $0.kernel = 4 } == "image encoder: kernel must be odd, found 4")
        #expect(refusal { $0.channels = [] }.contains("channels"))
        #expect(refusal { $0.poolPadding = 2 }.contains("poolPadding must be between 0 and 1, found 2"))
        #expect(refusal { $0.outputWidth = 0 }.contains("outputWidth"))
        #expect(
            refusal {
                $0.poolPadding = 0
                $0.channels = Array(repeating: 4, count: 7)
            }.contains("every pool"))
    }
}
