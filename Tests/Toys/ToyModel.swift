import Experience
package import Models
package import Neural
package import Settings

/// A sequence model in one file: softmax of what is linear in an observation's vector and in the last few transitions.
///
///     logits_t = bias + head . encoder(o_t) + sum over lags j of (previous[j, a_(t-j)] + r_(t-j) rewarded[j, a_(t-j)])
///
/// It has all that a model can have: parameters of its own, an encoder before the passes, a pass, a context. Its
/// `predict` is the one that comes with a pass.
package enum ToyKind: SequenceModelKind {
    package struct Settings: SequenceModelSettings {
        package var contextLength = 8
        /// Transitions that are looked back to.
        package var lags = 2
        /// Width of an observation's vector.
        package var width = 4

        package init() {}

        package static let entries: [Entry<Settings>] = [
            .key("context_length", \.contextLength, .integer(1...1000), "Transitions that the model sees at once."),
            .key("lags", \.lags, .integer(1...999), "Earlier transitions that it looks at."),
            .key("width", \.width, .integer(1...100), "Width of an observation's embedding."),
        ]

        package func contradictions() -> [Contradiction] {
            lags < max(2, contextLength)
                ? [] : [Contradiction(["lags", "context_length"], "the context is shorter than \(lags) lags")]
        }
    }

    package static let name = "toy"
    package static let summary = "Softmax of what is linear in the last few transitions."

    package static func parameterLayout(_ settings: Settings, _ spaces: ModelSpaces) throws -> ParameterLayout {
        try ToyLayout(settings, spaces).parameters
    }

    package static func forwardOperations(_ settings: Settings, _ spaces: ModelSpaces) throws -> Double {
        Double(2 * settings.contextLength * spaces.actionCount * (settings.width + 2 * settings.lags))
    }

    package static func make(_ settings: Settings, _ spaces: ModelSpaces, seed: UInt64?) throws -> any SequenceModel {
        try ToyModel(settings, spaces, seed: seed)
    }
}

/// Where the parameters lie.
struct ToyLayout {
    private(set) var parameters = ParameterLayout()
    let integers: IntegerComponents
    let encoder, head, previous, rewarded, bias: Int

    init(_ settings: ToyKind.Settings, _ spaces: ModelSpaces) throws {
        try settings.validate()
        guard let integers = IntegerComponents(spaces.observationSpace) else {
            throw SettingsError("observation space", "must be integers", found: "\(spaces.observationSpace)")
        }
        self.integers = integers
        let actions = spaces.actionCount
        encoder = parameters.add("encoder.weight", [integers.rowCount, settings.width])
        head = parameters.add("head.weight", [actions, settings.width])
        previous = parameters.add("previous.weight", [settings.lags, actions, actions])
        rewarded = parameters.add("rewarded.weight", [settings.lags, actions, actions])
        bias = parameters.add("head.bias", [actions])
    }
}

final class ToyModel: SequenceModel {
    let settings: ToyKind.Settings
    let layout: ToyLayout
    let choice: ModelChoice
    let form: WindowForm
    let parameters: FloatBuffer
    let preferredWindows = 3

    init(_ settings: ToyKind.Settings, _ spaces: ModelSpaces, seed: UInt64?) throws {
        self.settings = settings
        layout = try ToyLayout(settings, spaces)
        choice = ModelChoice(ToyKind.self, settings)
        form = WindowForm(
            spaces: spaces, length: settings.contextLength, input: .vector(width: settings.width), masksTogether: false)
        parameters = FloatBuffer(layout.parameters.count)
        guard let seed else { return }
        let generator = Philox(key0: UInt32(truncatingIfNeeded: seed), key1: 3)
        for tensor in layout.parameters.tensors {
            for index in tensor.offset..<(tensor.offset + tensor.count) {
                parameters.start[index] = Philox.unit(generator.block(UInt32(index), 0, 0, 0).x) - 0.5
            }
        }
    }

    var parameterLayout: ParameterLayout { layout.parameters }

    func makePasses(workers: Int, windows: Int, seed: UInt64) -> [any TrainingPass] {
        (0..<workers).map { _ in ToyPass(self, windows: windows) }
    }

    func makeContext(copies: Int, slide: Int) throws -> any ModelContext { ToyContext(self, copies: copies) }

    func makeEncoder(observations: Int, pool: WorkerPool, seed: UInt64?) -> (any ObservationEncoder)? {
        ToyEncoder(self)
    }

    /// Logits (A) after the transitions `past`, the newest first, from an observation's vector.
    func logits(_ vector: UnsafePointer<Float>, past: [ToyTransition], into logits: UnsafeMutablePointer<Float>) {
        let (start, actions) = (parameters.start, form.spaces.actionCount)
        for action in 0..<actions {
            logits[action] = start[layout.bias + action]
            for k in 0..<settings.width {
                logits[action] += start[layout.head + action * settings.width + k] * vector[k]
            }
        }
        for (lag, transition) in past.prefix(settings.lags).enumerated() {
            for (offset, factor) in terms(transition, lag: lag) {
                for action in 0..<actions { logits[action] += factor * start[offset + action] }
            }
        }
    }

    /// Adds the gradients of what `logits` has read, given that of the logits; that of the vector is written.
    func backward(
        _ dLogits: UnsafePointer<Float>, vector: UnsafePointer<Float>, past: [ToyTransition],
        vectorGradient: UnsafeMutablePointer<Float>, into gradients: UnsafeMutablePointer<Float>
    ) {
        let actions = form.spaces.actionCount
        for k in 0..<settings.width { vectorGradient[k] = 0 }
        for action in 0..<actions {
            gradients[layout.bias + action] += dLogits[action]
            for k in 0..<settings.width {
                let weight = layout.head + action * settings.width + k
                gradients[weight] += dLogits[action] * vector[k]
                vectorGradient[k] += dLogits[action] * parameters.start[weight]
            }
        }
        for (lag, transition) in past.prefix(settings.lags).enumerated() {
            for (offset, factor) in terms(transition, lag: lag) {
                for action in 0..<actions { gradients[offset + action] += factor * dLogits[action] }
            }
        }
    }

    /// Where the rows lie that a transition adds to the logits, and times what.
    private func terms(_ transition: ToyTransition, lag: Int) -> [(offset: Int, factor: Float)] {
        guard let action = transition.action else { return [] }
        let actions = form.spaces.actionCount
        let row = (lag * actions + action) * actions
        return [(layout.previous + row, 1)] + (transition.reward.map { [(layout.rewarded + row, $0)] } ?? [])
    }
}

/// An action and its reward; nil where it is hidden.
struct ToyTransition {
    var action: Int?
    var reward: Float?
}

final class ToyPass: TrainingPass {
    private let model: ToyModel
    private let logits: FloatBuffer

    init(_ model: ToyModel, windows: Int) {
        self.model = model
        logits = FloatBuffer(windows * model.contextLength * model.spaces.actionCount)
    }

    func prepare() {}

    func forward(_ batch: WindowBatch, windows: Range<Int>, step: Int?) -> UnsafeMutablePointer<Float> {
        forEachRow(batch, windows) { row, logits, past in
            model.logits(vector(batch.vectors, row), past: past, into: logits)
        }
        return logits.start
    }

    func backward(
        _ batch: WindowBatch, windows: Range<Int>, step: Int?, into gradients: UnsafeMutablePointer<Float>
    ) {
        forEachRow(batch, windows) { row, dLogits, past in
            model.backward(
                dLogits, vector: vector(batch.vectors, row), past: past,
                vectorGradient: vector(batch.vectorGradients, row), into: gradients)
        }
    }

    private func vector(_ buffer: FloatBuffer, _ row: Int) -> UnsafeMutablePointer<Float> {
        buffer.start + row * model.settings.width
    }

    private func forEachRow(
        _ batch: WindowBatch, _ windows: Range<Int>,
        _ body: (_ row: Int, _ logits: UnsafeMutablePointer<Float>, _ past: [ToyTransition]) -> Void
    ) {
        let first = windows.lowerBound * batch.length
        for row in first..<(windows.upperBound * batch.length) {
            // A row holds the transition before it; the first one of a window holds none.
            let number = row % batch.length
            let past = (0..<min(model.settings.lags, number)).map { transition(batch, row - $0) }
            body(row, logits.start + (row - first) * model.spaces.actionCount, past)
        }
    }

    private func transition(_ batch: WindowBatch, _ row: Int) -> ToyTransition {
        ToyTransition(
            action: batch.masked[row] & 1 != 0 ? nil : Int(batch.previousActions[row]),
            reward: batch.masked[row] & 2 != 0 ? nil : batch.previousRewards[row])
    }
}

/// An observation's vector: the sum of a row for each of its components.
final class ToyEncoder: ObservationEncoder {
    private let model: ToyModel

    init(_ model: ToyModel) { self.model = model }

    func forward(_ observations: UnsafeRawPointer, count: Int, step: Int, into vectors: UnsafeMutablePointer<Float>) {
        encode(observations, count: count, into: vectors)
    }

    func encode(_ observations: UnsafeRawPointer, count: Int, into vectors: UnsafeMutablePointer<Float>) {
        let width = model.settings.width
        vectors.update(repeating: 0, count: count * width)
        forEachElement(observations, count) { element, weight in
            vectors[element] += model.parameters.start[weight]
        }
    }

    func backward(
        _ vectorGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, count: Int,
        into gradients: UnsafeMutablePointer<Float>
    ) {
        forEachElement(observations, count) { element, weight in gradients[weight] += vectorGradients[element] }
    }

    private func forEachElement(
        _ observations: UnsafeRawPointer, _ count: Int, _ body: (_ element: Int, _ weight: Int) -> Void
    ) {
        let (width, integers) = (model.settings.width, model.layout.integers)
        var rows = [Int32](repeating: 0, count: integers.counts.count)
        for observation in 0..<count {
            _ = integers.read(observations + observation * integers.byteCount, rows: &rows)
            for row in rows {
                for k in 0..<width { body(observation * width + k, model.layout.encoder + Int(row) * width + k) }
            }
        }
    }
}

/// The last transitions of every copy, the newest first.
final class ToyContext: ModelContext {
    var onProgress: (() -> Void)?
    private let model: ToyModel
    private let encoder: ToyEncoder
    private let vectors: FloatBuffer
    private var past: [[ToyTransition]]

    init(_ model: ToyModel, copies: Int) {
        self.model = model
        encoder = ToyEncoder(model)
        vectors = FloatBuffer(copies * model.settings.width)
        past = Array(repeating: [], count: copies)
    }

    func clear(_ copy: Int) { past[copy] = [] }

    func observe(_ observations: UnsafeRawPointer, logits: UnsafeMutablePointer<Float>) {
        encoder.encode(observations, count: past.count, into: vectors.start)
        for copy in past.indices {
            model.logits(
                vectors.start + copy * model.settings.width, past: past[copy],
                into: logits + copy * model.spaces.actionCount)
            onProgress?()
        }
    }

    func complete(actions: UnsafePointer<Int32>, rewards: UnsafePointer<Float>) {
        for copy in past.indices {
            let transition = ToyTransition(action: Int(actions[copy]), reward: rewards[copy])
            past[copy] = [transition] + past[copy].prefix(model.settings.lags - 1)
        }
    }
}
