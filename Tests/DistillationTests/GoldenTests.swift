import Distillation
import Experience
import Foundation
import Models
import Neural
import Settings
import TestSupport
import Testing

/// What `scripts/make_golden.py` wrote of a sequence model.
struct Golden: Decodable {
    private(set) var choice = ModelChoice(Transformer.self)
    let componentCounts: [Int]
    /// Height, width and colours of observations that are images; nil where they are components.
    let image: [Int]?
    /// (B, c, A) with what batch norms begin with, in place of the batch's statistics.
    let evaluated: [Float]?
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

    /// In odd sizes, and in sizes that the kernels were made for.
    static let transformers = ["transformer-merged", "transformer-separate", "transformer-wide"]
    static let models = transformers + ["lstm-deep", "lstm-wide"]
    /// Those that see images, through Table 3's kind of encoder and through a residual one.
    static let images = ["transformer-images", "lstm-images"]

    static func read(_ model: String) throws -> Golden {
        let data = try file("\(model).json")
        var golden = try JSONDecoder().decode(Golden.self, from: data)
        let tree = try SettingNode(json: String(decoding: data, as: UTF8.self), name: model, limit: 1 << 20)
        let settings = try #require(tree.value(at: "settings"))
        golden.choice =
            model.hasPrefix("lstm")
            ? ModelChoice(LSTMModelKind.self, try LSTMSettings(settings))
            : ModelChoice(Transformer.self, try TransformerSettings(settings))
        return golden
    }

    /// All but the settings, whose own declaration reads them.
    private enum CodingKeys: CodingKey {
        case componentCounts, actions, batch, smoothing, rate, beta1, beta2, epsilon, clip, components, targets, rewards
        case masked, taught, logits, losses, image, evaluated
    }

    static func tensors(_ model: String, _ what: String) throws -> Safetensors {
        try Safetensors(file("\(model)-\(what).safetensors"), name: what)
    }

    /// The model of a file, or one with its parameters and other settings.
    func model(_ name: String, _ other: ModelChoice? = nil) throws -> any SequenceModel {
        let spaces = try ModelSpaces(observationSpace: observations, actionSpace: .discrete(count: actions))
        let model = try (other ?? choice).make(spaces, seed: nil)
        try Golden.tensors(name, "parameters").read(model.parameterLayout, into: model.parameters)
        return model
    }

    /// The choice with dropout: the transformer's of embeddings, attention and residuals, or the LSTM's of embeddings
    /// and units.
    func choice(dropouts: [Double]) -> ModelChoice {
        if var settings = choice.settings as? LSTMSettings {
            (settings.embeddingDropout, settings.unitDropout) = (dropouts[0], dropouts[1])
            return ModelChoice(LSTMModelKind.self, settings)
        }
        var settings = choice.settings as? TransformerSettings ?? TransformerSettings()
        (settings.embeddingDropout, settings.attentionDropout, settings.residualDropout) = (
            dropouts[0], dropouts[1], dropouts[2]
        )
        return ModelChoice(Transformer.self, settings)
    }

    private var observations: Space {
        image.map { .box(shape: $0, type: .uint8, low: 0, high: 255) } ?? .multiDiscrete(counts: componentCounts)
    }

    /// How many dropouts the choice has.
    var dropoutCount: Int { choice.settings is LSTMSettings ? 2 : 3 }

    var rows: GradientCheck.Rows {
        GradientCheck.Rows(
            observations: components, targets: targets, rewards: rewards, masked: masked, taught: taught)
    }

    func gradientCheck(_ model: any SequenceModel) throws -> GradientCheck {
        GradientCheck(model: model, windows: batch, rows: rows)
    }
}

@Suite("Sequence models against PyTorch")
struct GoldenTests {
    @Test("what is predicted along a stream of images", arguments: Golden.images)
    func prediction(model name: String) throws {
        let golden = try Golden.read(name)
        let model = try golden.model(name)
        let evaluated = try #require(golden.evaluated)
        let (rows, bytes, actions) = (model.contextLength, model.spaces.observationBytes, golden.actions)
        let environment = madeUpEnvironment(model.spaces.observationSpace, model.spaces.actionSpace)
        for window in 0..<golden.batch {
            let range = (window * rows)..<((window + 1) * rows)
            let found = try Prediction.logits(
                model: model, environment: environment,
                observations: Array(golden.components[(range.lowerBound * bytes)..<(range.upperBound * bytes)]),
                actions: golden.targets[range].map { UInt8($0) }, rewards: Array(golden.rewards[range]))
            let expected = evaluated[(range.lowerBound * actions)..<(range.upperBound * actions)]
            #expect(largestDifference(found, Array(expected)) < 1e-5)
        }
    }

    @Test("logits, loss and every gradient", arguments: Golden.models + Golden.images)
    func gradients(model name: String) throws {
        let golden = try Golden.read(name)
        let model = try golden.model(name)
        let check = try golden.gradientCheck(model)
        let expected = FloatBuffer(model.parameterLayout.count)
        try Golden.tensors(name, "gradients").read(model.parameterLayout, into: expected)
        let found = check.run(smoothing: golden.smoothing)
        #expect(largestDifference(found.logits, golden.logits) < 1e-5)
        #expect(abs(found.objective - golden.losses[0]) < 1e-5)
        for tensor in model.parameterLayout.tensors {
            let range = tensor.offset..<(tensor.offset + tensor.count)
            let wanted = Array(expected.values[range])
            let largest = wanted.map { abs($0) }.max() ?? 0
            let difference = largestDifference(Array(found.gradient.values[range]), wanted)
            // The bias of the keys has no effect on softmax, so that its gradient is rounding in both.
            #expect(difference <= 1e-4 * largest + 1e-7, "\(tensor.name): \(difference), largest \(largest)")
        }
    }

    @Test("ten steps of Adam with clipping", arguments: Golden.models + Golden.images)
    func steps(model name: String) throws {
        let golden = try Golden.read(name)
        let model = try golden.model(name)
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

    @Test("what comes later changes no bit of an earlier logit, in training as in acting", arguments: Golden.models)
    func causality(model name: String) throws {
        let golden = try Golden.read(name)
        let model = try golden.model(name)
        let (length, actions) = (golden.choice.dimensions.contextLength, golden.actions)
        func logits(_ rows: GradientCheck.Rows, _ step: Int?) -> [Float] {
            GradientCheck(model: model, windows: golden.batch, rows: rows).run(smoothing: 0, step: step).logits
        }
        for step in [nil, 3] {
            let before = logits(golden.rows, step)
            // The first window alone; one of its rows changes.
            for row in [0, 7, length - 1] {
                var rows = golden.rows
                rows.observations[row * golden.componentCounts.count] =
                    (rows.observations[row * golden.componentCounts.count] + 1) % UInt8(golden.componentCounts[0])
                let observed = logits(rows, step)
                #expect(Array(observed[..<(row * actions)]) == Array(before[..<(row * actions)]))
                #expect(observed[row * actions] != before[row * actions])
                rows = golden.rows
                rows.targets[row] = (rows.targets[row] + 1) % Int32(actions)
                rows.rewards[row] += 1
                let acted = logits(rows, step)
                #expect(Array(acted[..<((row + 1) * actions)]) == Array(before[..<((row + 1) * actions)]))
                #expect(Array(acted[(length * actions)...]) == Array(before[(length * actions)...]))
            }
        }
    }

    @Test("whole windows and windows that grow give the logits of training", arguments: Golden.models)
    func inference(model name: String) throws {
        let golden = try Golden.read(name)
        let model = try golden.model(name)
        let length = golden.choice.dimensions.contextLength
        var rows = golden.rows
        rows.masked = rows.masked.map { _ in 0 }
        let expected = GradientCheck(model: model, windows: golden.batch, rows: rows).run(smoothing: 0).logits
        for window in 0..<golden.batch {
            let range = (window * length)..<((window + 1) * length)
            let width = golden.componentCounts.count
            let found = try Prediction.logits(
                model: model,
                environment: madeUpEnvironment(
                    .multiDiscrete(counts: golden.componentCounts), .discrete(count: golden.actions)),
                observations: Array(rows.observations[(range.lowerBound * width)..<(range.upperBound * width)]),
                actions: rows.targets[range].map { UInt8($0) }, rewards: Array(rows.rewards[range]))
            let wanted = expected[(range.lowerBound * golden.actions)..<(range.upperBound * golden.actions)]
            #expect(largestDifference(found, Array(wanted)) < 1e-5)
        }
    }

    @Test("every step drops something else, and each sequence its own", arguments: ["transformer-merged", "lstm-deep"])
    func drops(model name: String) throws {
        let golden = try Golden.read(name)
        for place in 0..<golden.dropoutCount {
            let model = try golden.model(name, golden.choice(dropouts: (0..<3).map { $0 == place ? 0.3 : 0 }))
            // The same window in every place of the batch.
            let length = model.contextLength
            var rows = golden.rows
            for row in length..<(golden.batch * length) {
                let width = golden.componentCounts.count
                for component in 0..<width {
                    rows.observations[row * width + component] = rows.observations[row % length * width + component]
                }
                rows.targets[row] = rows.targets[row % length]
                rows.rewards[row] = rows.rewards[row % length]
                rows.masked[row] = rows.masked[row % length]
            }
            let check = GradientCheck(model: model, windows: golden.batch, rows: rows)
            let logits = [nil, 3, 3, 4].map { check.run(smoothing: 0, step: $0).logits }
            #expect(logits[1] == logits[2])
            #expect(logits[0] != logits[1] && logits[1] != logits[3])
            let count = length * golden.actions
            #expect(Array(logits[0][..<count]) == Array(logits[0][count..<(2 * count)]))
            #expect(Array(logits[1][..<count]) != Array(logits[1][count..<(2 * count)]))
        }
    }

    @Test(
        "gradients with dropout and masking agree with differences of the loss along random directions",
        arguments: Golden.models)
    func dropout(model name: String) throws {
        let golden = try Golden.read(name)
        let model = try golden.model(name, golden.choice(dropouts: [0.2, 0.5, 0.3]))
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
            // The MLP behind the LSTM has kinks: a long step crosses some, and one that is crossed is worth 0.003.
            let hasKinks = name.hasPrefix("lstm")
            let step: Float = hasKinks ? 2e-4 : 1e-3
            let difference = (loss(step) - loss(-step)) / Double(2 * step)
            for index in start.indices { model.parameters.start[index] = start[index] }
            let tolerance = hasKinks ? 8e-3 : 2e-3
            #expect(abs(difference - slope) < tolerance * (1 + abs(slope)), "seed \(seed): \(slope) and \(difference)")
        }
    }
}
