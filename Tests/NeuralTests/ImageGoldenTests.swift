import Foundation
import Neural
import Settings
import TestSupport
import Testing

/// What `scripts/golden_images.py` wrote.
struct ImageGolden {
    struct Layers: Decodable {
        struct Pool: Decodable {
            let height: Int
            let width: Int
            let channels: Int
            let kernel: Int
            let stride: Int
            let padding: Int
        }
        let images: Int
        let convolutions: [ConvolutionShape]
        let pools: [Pool]
    }

    struct Encoder: Decodable {
        let kind: String
        /// As JSON.
        let settings: String
        /// Height, width, colours.
        let image: [Int]
        /// Of a linear layer behind the encoder's; 0 where there is none.
        let head: Int
        let images: Int
        let rate: Double
        let beta1: Double
        let beta2: Double
        let epsilon: Double
        let pixels: [UInt8]
        let targets: [Float]
        let losses: [Double]
    }

    static func data(_ name: String) throws -> Data {
        try Data(contentsOf: #require(Bundle.module.url(forResource: "Golden/\(name)", withExtension: nil)))
    }

    static func describe<Description: Decodable>(_ name: String, as type: Description.Type) throws -> Description {
        try JSONDecoder().decode(type, from: data("\(name).json"))
    }

    static func file(_ name: String) throws -> Safetensors {
        try Safetensors(data("\(name).safetensors"), name: name)
    }

    /// All tensors whose names begin with `prefix`, without it.
    static func tensors(_ file: Safetensors, _ prefix: String) throws -> [String: [Float]] {
        var layout = ParameterLayout()
        for name in file.tensorNames where name.hasPrefix(prefix) {
            _ = layout.add(String(name.dropFirst(prefix.count)), try #require(file.shape(of: name)))
        }
        let buffer = FloatBuffer(layout.count)
        try file.read(layout, prefix: prefix, into: buffer)
        let values = buffer.values
        return Dictionary(
            uniqueKeysWithValues: layout.tensors.map { ($0.name, Array(values[$0.offset..<($0.offset + $0.count)])) })
    }
}

/// Expects outputs within 1e-5.
func expectOutput(_ found: [Float], _ expected: [Float]?, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let expected = try #require(expected, sourceLocation: sourceLocation)
    let worst = largestDifference(found, expected)
    let largest = max(1, expected.map { abs($0) }.max() ?? 0)
    #expect(worst <= 1e-5 * largest, "largest difference \(worst)", sourceLocation: sourceLocation)
}

/// Expects gradients within 1e-4 of the largest.
func expectGradient(
    _ found: [Float], _ expected: [Float]?, _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let expected = try #require(expected, sourceLocation: sourceLocation)
    let worst = largestDifference(found, expected)
    let largest = expected.map { abs($0) }.max() ?? 0
    #expect(worst <= 1e-4 * largest, "\(name): \(worst), largest \(largest)", sourceLocation: sourceLocation)
}

@Suite("Image layers and the image encoder against PyTorch")
struct ImageGoldenTests {
    @Test("convolutions")
    func convolutions() throws {
        let file = try ImageGolden.file("image-layers")
        for (index, shape) in try ImageGolden.describe("image-layers", as: ImageGolden.Layers.self).convolutions
            .enumerated()
        {
            let tensors = try ImageGolden.tensors(file, "convolution.\(index).")
            let run = ConvolutionRun(
                shape.layer, x: try #require(tensors["x"]), weight: try #require(tensors["weight"]),
                bias: tensors["bias"], dy: try #require(tensors["dy"]))
            try expectOutput(run.y, tensors["y"])
            try expectGradient(run.dx, tensors["dx"])
            try expectGradient(run.dWeight, tensors["dweight"])
            if tensors["bias"] != nil { try expectGradient(run.dBias, tensors["dbias"]) }
        }
    }

    @Test("max pools, with ties")
    func pools() throws {
        let file = try ImageGolden.file("image-layers")
        let description = try ImageGolden.describe("image-layers", as: ImageGolden.Layers.self)
        for (index, shape) in description.pools.enumerated() {
            let tensors = try ImageGolden.tensors(file, "pool.\(index).")
            let (x, dy) = (try #require(tensors["x"]), try #require(tensors["dy"]))
            let layer = MaxPool(
                height: shape.height, width: shape.width, channels: shape.channels, kernel: shape.kernel,
                stride: shape.stride, padding: shape.padding)
            var (ys, dxs): ([Float], [Float]) = ([], [])
            for image in 0..<description.images {
                var y = [Float](repeating: .nan, count: layer.outputCount)
                var dx = [Float](repeating: .nan, count: layer.inputCount)
                var places = [UInt8](repeating: 0, count: layer.outputCount)
                let own = Array(x[(image * layer.inputCount)..<((image + 1) * layer.inputCount)])
                layer.forward(own, into: &y, places: &places)
                let ownGradient = Array(dy[(image * layer.outputCount)..<((image + 1) * layer.outputCount)])
                layer.backward(ownGradient, places: places, into: &dx)
                ys += y
                dxs += dx
            }
            #expect(ys == tensors["y"])
            try expectGradient(dxs, tensors["dx"])
        }
    }

    @Test("batch norms in training and in evaluation", arguments: [true, false])
    func norms(training: Bool) throws {
        let images = try ImageGolden.describe("image-layers", as: ImageGolden.Layers.self).images
        let tensors = try ImageGolden.tensors(
            ImageGolden.file("image-layers"), "norm.\(training ? "training" : "evaluation").")
        func tensor(_ name: String) throws -> [Float] { try #require(tensors[name]) }
        let run = BatchNormCase(
            x: try tensor("x"), dy: try tensor("dy"), gain: try tensor("gain"), shift: try tensor("shift"),
            mean: try tensor("mean.before"), variance: try tensor("variance.before")
        ).run(images: images, training: training)
        try expectOutput(run.y, tensors["y"])
        try expectGradient(run.dx, tensors["dx"])
        try expectGradient(run.dGain, tensors["dgain"])
        try expectGradient(run.dShift, tensors["dshift"])
        try expectOutput(run.mean, tensors["mean.after"])
        try expectOutput(run.variance, tensors["variance.after"])
    }

    @Test(
        "the encoder's outputs, gradients, ten steps of Adam and running statistics",
        arguments: ["plain", "batch-norm", "other-sizes", "table-3", "table-3-valid"], [1, 2])
    func encoder(name: String, threads: Int) throws {
        let golden = try ImageGolden.describe("image-encoder-\(name)", as: ImageGolden.Encoder.self)
        let file = try ImageGolden.file("image-encoder-\(name)")
        let run = try ImageEncoderRun(
            ImageEncoderChoice(RegisteredImageEncoder.registry.named(golden.kind), json: golden.settings),
            image: ImageSize(height: golden.image[0], width: golden.image[1], colours: golden.image[2]),
            head: golden.head, images: golden.images, threads: threads)
        let layout = run.layout.parameters
        // The files hold more than these tensors, so that names are compared by hand.
        let tensors = try ImageGolden.tensors(file, "parameters.")
        #expect(Set(tensors.keys) == Set(layout.tensors.map(\.name)))
        let statistics = try ImageGolden.tensors(file, "statistics.")
        try file.read(layout, prefix: "parameters.", into: run.parameters)
        let expected = try ImageGolden.tensors(file, "gradients.")
        let adam = Adam(beta1: golden.beta1, beta2: golden.beta2, epsilon: golden.epsilon)
        let (first, second) = (FloatBuffer(layout.count), FloatBuffer(layout.count))
        for (step, loss) in golden.losses.enumerated() {
            let found = run.step(golden.pixels, targets: golden.targets)
            #expect(abs(found.loss - loss) <= 1e-4, "step \(step): \(found.loss), PyTorch \(loss)")
            if step == 0 {
                try expectOutput(found.outputs, ImageGolden.tensors(file, "outputs")[""])
                for tensor in layout.tensors where statistics[tensor.name] == nil {
                    let values = run.gradient.values[tensor.offset..<(tensor.offset + tensor.count)]
                    try expectGradient(Array(values), expected[tensor.name], tensor.name)
                }
            }
            guard step < golden.losses.count - 1 else { break }
            adam.update(
                run.parameters, gradient: run.gradient, first: first, second: second, range: 0..<layout.count,
                step: step + 1, rate: golden.rate)
        }
        for (statistic, values) in statistics {
            let tensor = try #require(layout[statistic])
            let found = Array(run.parameters.values[tensor.offset..<(tensor.offset + tensor.count)])
            expectClose(found, values, tolerance: 1e-4)
        }
        let evaluated = run.forward(golden.pixels, mode: .evaluation)
        let wanted = try #require(try ImageGolden.tensors(file, "evaluation.")["outputs"])
        expectClose(evaluated, wanted, tolerance: 1e-4)
    }
}
