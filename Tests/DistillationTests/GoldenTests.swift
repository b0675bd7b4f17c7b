import Distillation
import Environments
import Foundation
import Neural
import Testing

/// What `scripts/make_golden.py` wrote.
struct Golden: Decodable {
    let settings: ModelSettings
    let componentCounts: [Int]
    let actions: Int
    let batch: Int
    let smoothing: Double
    let rate: Double
    let beta1: Double
    let beta2: Double
    let epsilon: Double
    let clip: Double
    let components: [UInt8]
    let targets: [Int32]
    let rewards: [Float]
    let masked: [UInt8]
    let taught: [UInt8]
    let logits: [Float]
    let losses: [Double]

    static func file(_ name: String) throws -> Data {
        let url = try #require(Bundle.module.url(forResource: "Golden/\(name)", withExtension: nil))
        return try Data(contentsOf: url)
    }

    static func read(_ layout: TokenLayout) throws -> Golden {
        try JSONDecoder().decode(Golden.self, from: file("transformer-\(layout.rawValue).json"))
    }

    func tensors(_ what: String) throws -> Safetensors {
        try Safetensors(Golden.file("transformer-\(settings.tokenLayout.rawValue)-\(what).safetensors"), name: what)
    }

    func model() throws -> TransformerModel {
        let model = try TransformerModel(
            settings: settings,
            vocabulary: TokenVocabulary(
                observationSpace: .multiDiscrete(counts: componentCounts), actionSpace: .discrete(count: actions)))
        try tensors("parameters").read(model.layout.parameters, into: model.parameters)
        return model
    }

    func gradientCheck(_ model: TransformerModel) throws -> GradientCheck {
        GradientCheck(
            model: model, windows: batch,
            rows: GradientCheck.Rows(
                components: components, targets: targets, rewards: rewards, masked: masked, taught: taught))
    }
}

@Suite("The transformer against PyTorch")
struct GoldenTests {
    @Test("logits, loss and every gradient", arguments: TokenLayout.allCases)
    func gradients(layout: TokenLayout) throws {
        let golden = try Golden.read(layout)
        let model = try golden.model()
        let check = try golden.gradientCheck(model)
        let expected = FloatBuffer(model.layout.parameters.count)
        try golden.tensors("gradients").read(model.layout.parameters, into: expected)
        let found = check.run(smoothing: golden.smoothing)
        #expect(largestDifference(found.logits, golden.logits) < 1e-5)
        #expect(abs(found.objective - golden.losses[0]) < 1e-5)
        for tensor in model.layout.parameters.tensors {
            let range = tensor.offset..<(tensor.offset + tensor.count)
            let wanted = Array(expected.values[range])
            let largest = wanted.map { abs($0) }.max() ?? 0
            let difference = largestDifference(Array(found.gradient.values[range]), wanted)
            // The bias of the keys has no effect on softmax, so that its gradient is rounding in both.
            #expect(difference <= 1e-4 * largest + 1e-7, "\(tensor.name): \(difference), largest \(largest)")
        }
    }

    @Test("ten steps of Adam with clipping", arguments: TokenLayout.allCases)
    func steps(layout: TokenLayout) throws {
        let golden = try Golden.read(layout)
        let model = try golden.model()
        let check = try golden.gradientCheck(model)
        let adam = Adam(beta1: golden.beta1, beta2: golden.beta2, epsilon: golden.epsilon)
        let count = model.parameters.count
        let (first, second) = (FloatBuffer(count), FloatBuffer(count))
        for (step, loss) in golden.losses.enumerated() {
            let found = check.run(smoothing: golden.smoothing)
            #expect(abs(found.objective - loss) < 1e-4, "step \(step)")
            let norm = found.gradient.values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            adam.update(
                model.parameters, gradient: found.gradient, first: first, second: second, range: 0..<count,
                step: step + 1, rate: golden.rate, gradientScale: Adam.clipScale(norm: norm, limit: golden.clip))
        }
    }

    @Test(
        "gradients with dropout and masking agree with differences of the loss along random directions",
        arguments: TokenLayout.allCases)
    func dropout(layout: TokenLayout) throws {
        let golden = try Golden.read(layout)
        var settings = golden.settings
        settings.embeddingDropout = 0.2
        settings.attentionDropout = 0.5
        settings.residualDropout = 0.3
        let model = try TransformerModel(settings: settings, vocabulary: golden.model().vocabulary)
        model.parameters.copy(from: try golden.model().parameters)
        let check = try golden.gradientCheck(model)
        let gradient = check.run(smoothing: 0.1, step: 3).gradient
        let start = model.parameters.values
        for seed in 0..<8 {
            let generator = Philox(key0: UInt32(seed), key1: 5)
            let direction = start.indices.map { Philox.unit(generator.block(UInt32($0), 0, 0, 0).x) - 0.5 }
            let slope = zip(gradient.values, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            func loss(_ distance: Float) -> Double {
                for index in start.indices {
                    model.parameters.start[index] = start[index] + distance * direction[index]
                }
                return check.run(smoothing: 0.1, step: 3).objective
            }
            let step: Float = 1e-3
            let difference = (loss(step) - loss(-step)) / Double(2 * step)
            for index in start.indices { model.parameters.start[index] = start[index] }
            #expect(abs(difference - slope) < 2e-3 * (1 + abs(slope)), "seed \(seed): \(slope) and \(difference)")
        }
    }
}
