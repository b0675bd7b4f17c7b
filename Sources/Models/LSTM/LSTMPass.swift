import CKernels
import Neural

/// One worker's way through LSTM-AD: forward and backward of some windows at a time in memory of its own.
///
/// B windows of c rows; E: width of an embedding, H: units, W: units of the MLP. Embeddings, features and logits lie
/// window by window, (B, c, ...); what the LSTM reads and gives lies step by step, (c - 1, B, ...). Row t of a window holds
/// a_(t-1), r_(t-1) and o_t, so that what the LSTM reads in step t, the embeddings of (o_t, a_t, r_t), are 3E floats of two
/// neighbouring rows, which lie side by side.
final class LSTMPass: TrainingPass {
    /// Which weights this worker packs for all: numbers `worker`, `worker + workers`, ...
    struct Share {
        let worker: Int
        let workers: Int
    }

    private let model: LSTMModel
    private let layout: LSTMModelLayout
    private let weights: LSTMModelWeights
    private let share: Share
    private let dropoutKey: (UInt32, UInt32)
    private let lstm: LSTM
    private let arena: LSTMArena
    private let windows: Int
    /// (B, c, 3E) previous action, previous reward, observation; backward their gradient.
    private let embedded: UnsafeMutablePointer<Float>
    /// (c - 1, B, 3E) what the LSTM reads; backward its gradient.
    private let input: UnsafeMutablePointer<Float>
    /// (B, c, H + E) what the MLP reads; backward its gradient.
    private let features: UnsafeMutablePointer<Float>
    /// (B, c, W) of each of the MLP's layers.
    private let activated: [UnsafeMutablePointer<Float>]
    /// (B, c, W) twice: the gradient of a layer's output and of its input, in turn.
    private let gradients: [UnsafeMutablePointer<Float>]
    /// (B, c, A)
    private let logits: UnsafeMutablePointer<Float>
    private let memory: FloatBuffer

    /// `weights`: those that the passes of all workers read. `windows`: at most so many at a time.
    init(_ model: LSTMModel, _ weights: LSTMModelWeights, share: Share, windows: Int, seed: UInt64) {
        let settings = model.settings
        let rows = windows * settings.contextLength
        let sizes = [rows * 3 * settings.embedding, rows * 3 * settings.embedding]
        let feature = rows * (settings.units + settings.embedding)
        let hidden = Array(repeating: rows * settings.mlpWidth, count: settings.mlpDepth + 2)
        var memory = FloatArena(sizes + [feature] + hidden + [rows * model.layout.actionCount])
        self.model = model
        self.weights = weights
        self.share = share
        self.windows = windows
        layout = model.layout
        dropoutKey = Dropouts.key(seed: seed)
        lstm = LSTM(layout.lstm)
        arena = LSTMArena(
            layout.lstm, steps: settings.contextLength - 1, sequences: windows, packsWeights: false)
        self.memory = memory.memory
        (embedded, input) = (memory.take(sizes[0]), memory.take(sizes[1]))
        features = memory.take(feature)
        let places = hidden.map { memory.take($0) }
        (activated, gradients) = (Array(places.dropLast(2)), Array(places.suffix(2)))
        logits = memory.take(rows * layout.actionCount)
    }

    private var parameters: UnsafeMutablePointer<Float> { model.parameters.start }

    func prepare() { weights.pack(parameters, first: share.worker, step: share.workers) }

    func forward(_ batch: WindowBatch, windows: Range<Int>, step: Int?) -> UnsafeMutablePointer<Float> {
        let portion = portion(batch, windows, step)
        embedForward(portion)
        recurrentForward(portion)
        weights.logits(
            features, parameters: parameters, activated: activated, into: logits, rows: portion.rows)
        return logits
    }

    func backward(
        _ batch: WindowBatch, windows: Range<Int>, step: Int?, into gradients: UnsafeMutablePointer<Float>
    ) {
        let portion = portion(batch, windows, step)
        mlpBackward(portion, gradients)
        recurrentBackward(portion, gradients)
        embedBackward(portion, gradients)
    }
}

// MARK: What a call works on

extension LSTMPass {
    /// The windows of a batch that one call takes through the model, and the step that decides its dropout.
    private struct Portion {
        let batch: WindowBatch
        let windows: Range<Int>
        let step: Int?

        /// Rows of a window.
        var length: Int { batch.length }
        /// Rows of all windows.
        var rows: Int { windows.count * length }

        /// Calls `body` with the number of each window in its batch and in the portion.
        @inline(__always)
        func forEachWindow(_ body: (_ window: Int, _ index: Int) -> Void) {
            for window in windows { body(window, window - windows.lowerBound) }
        }
    }

    private func portion(_ batch: WindowBatch, _ windows: Range<Int>, _ step: Int?) -> Portion {
        precondition(windows.count <= self.windows && 2...model.contextLength ~= batch.length)
        return Portion(batch: batch, windows: windows, step: step)
    }

    /// The dropout of embeddings, site 0, or behind the LSTM's layer `layer`, site `layer` + 1, of one window.
    private func dropout(_ portion: Portion, window: Int, layer: Int? = nil) -> Dropout {
        guard let step = portion.step else { return .none }
        return Dropout(
            probability: layer == nil ? model.settings.embeddingDropout : model.settings.unitDropout, key: dropoutKey,
            site: UInt32(layer.map { $0 + 1 } ?? 0), sequence: UInt32(truncatingIfNeeded: window),
            step: UInt32(truncatingIfNeeded: step))
    }

    private var embedding: Int { layout.settings.embedding }
    private var units: Int { layout.lstm.units }
    private var lastLayer: Int { layout.lstm.layers.count - 1 }
}

// MARK: Embedding

extension LSTMPass {
    /// No action and no reward come before a window's first row: the mask's vector, which nothing reads, is there instead
    /// of a look into a table.
    private static let bothMasked = UInt8(CK_MASKED_ACTION | CK_MASKED_REWARD)

    /// Every window's embeddings; from them what the LSTM reads, step by step, and the observations' half of the
    /// features.
    private func embedForward(_ portion: Portion) {
        let (e, length) = (embedding, portion.length)
        portion.forEachWindow { window, index in
            let x = embedded + index * length * 3 * e
            forEachStretch(portion, window) { tokens, row, rows in
                layout.embedForward(
                    parameters, tokens, vectors: portion.batch.vectors(from: window * length + row), rows: rows,
                    into: x + row * 3 * e)
            }
            dropout(portion, window: window).apply(x, count: length * 3 * e)
            for step in 0..<(length - 1) {
                read(portion, index, step).update(from: x + (3 * step + 2) * e, count: 3 * e)
            }
            for row in 0..<length {
                feature(portion, index, row).advanced(by: units).update(from: x + (3 * row + 2) * e, count: e)
            }
        }
    }

    /// From the gradients of what the LSTM read and of the features.
    private func embedBackward(_ portion: Portion, _ gradients: UnsafeMutablePointer<Float>) {
        let (e, length) = (embedding, portion.length)
        portion.forEachWindow { window, index in
            let dx = embedded + index * length * 3 * e
            dx.update(repeating: 0, count: 2 * e)
            for step in 0..<(length - 1) {
                (dx + (3 * step + 2) * e).update(from: read(portion, index, step), count: 3 * e)
            }
            (dx + (3 * length - 1) * e).update(repeating: 0, count: e)
            for row in 0..<length {
                let (to, from) = (dx + (3 * row + 2) * e, feature(portion, index, row) + units)
                for k in 0..<e { to[k] += from[k] }
            }
            dropout(portion, window: window).apply(dx, count: length * 3 * e)
            forEachStretch(portion, window) { tokens, row, rows in
                layout.embedBackward(
                    gradients, tokens, vectorGradients: portion.batch.vectorGradients(from: window * length + row),
                    rows: rows, from: dx + row * 3 * e)
            }
        }
    }

    /// The rows of a window as the kernels take them: the first by itself, the others together.
    private func forEachStretch(
        _ portion: Portion, _ window: Int, _ body: (_ tokens: ck_tokens, _ row: Int, _ rows: Int) -> Void
    ) {
        var first = portion.batch.tokens(from: window * portion.length)
        withUnsafePointer(to: Self.bothMasked) { masked in
            first.masked = masked
            body(first, 0, 1)
        }
        body(portion.batch.tokens(from: window * portion.length + 1), 1, portion.length - 1)
    }

    /// What the LSTM reads of a window in a step, (3E), or the gradient of that.
    private func read(_ portion: Portion, _ index: Int, _ step: Int) -> UnsafeMutablePointer<Float> {
        input + (step * portion.windows.count + index) * 3 * embedding
    }

    /// The features (H + E) of a row.
    private func feature(_ portion: Portion, _ index: Int, _ row: Int) -> UnsafeMutablePointer<Float> {
        features + (index * portion.length + row) * (units + embedding)
    }
}

// MARK: LSTM

extension LSTMPass {
    /// The LSTM's half of the features: what it gives after the row before.
    private func recurrentForward(_ portion: Portion) {
        let sequences = portion.windows.count
        lstm.forward(
            parameters, input, steps: portion.length - 1, sequences: sequences, initial: nil, arena: arena,
            dropout: dropout(portion, window: portion.windows.lowerBound, layer: 0), weights: weights.lstm)
        let output = lstm.output(arena, sequences: sequences)
        portion.forEachWindow { window, index in
            feature(portion, index, 0).update(repeating: 0, count: units)
            for step in 0..<(portion.length - 1) {
                feature(portion, index, step + 1).update(
                    from: output + (step * sequences + index) * units, count: units)
            }
            dropUnits(portion, window, index)
        }
    }

    /// From the gradient of the features to that of what the LSTM read.
    private func recurrentBackward(_ portion: Portion, _ gradients: UnsafeMutablePointer<Float>) {
        let sequences = portion.windows.count
        let dOutput = lstm.outputGradient(arena)
        portion.forEachWindow { window, index in
            dropUnits(portion, window, index)
            for step in 0..<(portion.length - 1) {
                (dOutput + (step * sequences + index) * units).update(
                    from: feature(portion, index, step + 1), count: units)
            }
        }
        // What the LSTM read has been used for the last time when its gradient takes its place.
        lstm.backward(
            parameters, gradients: gradients, input, steps: portion.length - 1, sequences: sequences, arena: arena,
            inputGradient: input, dropout: dropout(portion, window: portion.windows.lowerBound, layer: 0),
            weights: weights.lstm)
    }

    /// The dropout behind the last layer, of a window's features or of their gradient.
    private func dropUnits(_ portion: Portion, _ window: Int, _ index: Int) {
        dropout(portion, window: window, layer: lastLayer).apply(
            feature(portion, index, 0), rows: portion.length, width: units, stride: units + embedding)
    }
}

// MARK: MLP

extension LSTMPass {
    /// From the gradient of the logits to that of the features, in their place.
    private func mlpBackward(_ portion: Portion, _ flat: UnsafeMutablePointer<Float>) {
        let (rows, width, actions) = (portion.rows, layout.settings.mlpWidth, layout.actionCount)
        var (above, below) = (gradients[0], gradients[1])
        Linear.weightGradient(
            logits, activated[activated.count - 1], into: flat + layout.headWeight, rows: rows, inputs: width,
            outputs: actions)
        Linear.biasGradient(logits, into: flat + layout.headBias, rows: rows, outputs: actions)
        Linear.inputGradient(
            logits, weight: parameters + layout.headWeight, into: above, rows: rows, inputs: width, outputs: actions)
        for (index, layer) in layout.mlp.enumerated().reversed() {
            ReLU.backward(above, output: activated[index], count: rows * width)
            let read = index == 0 ? features : activated[index - 1]
            Linear.weightGradient(
                above, read, into: flat + layer.weight, rows: rows, inputs: layer.inputs, outputs: width)
            Linear.biasGradient(above, into: flat + layer.bias, rows: rows, outputs: width)
            Linear.inputGradient(
                above, weight: parameters + layer.weight, into: index == 0 ? features : below, rows: rows,
                inputs: layer.inputs, outputs: width)
            swap(&above, &below)
        }
    }
}
