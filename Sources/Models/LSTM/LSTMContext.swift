import CKernels
import Neural

/// The state of LSTM-AD in B copies that act: hidden units and cells. A step is one product for all copies; with a memory
/// of the whole life it costs the same however long that is, with one of a window the state is begun anew now and then.
final class LSTMContext: ModelContext {
    var onProgress: (() -> Void)?
    private let model: LSTMModel
    private let copies: Int
    private let lstm: LSTM
    private let weights: LSTMModelWeights
    private let state: LSTM.State
    /// (B, H)
    private let scratch: UnsafeMutablePointer<Float>
    /// (B, 3E): previous action, previous reward and observation, as the kernel gives them.
    private let embedded: UnsafeMutablePointer<Float>
    /// (B, 3E): observation, action and reward of a transition, as the LSTM reads them.
    private let input: UnsafeMutablePointer<Float>
    /// (B, H + E)
    private let features: UnsafeMutablePointer<Float>
    /// (B, W) of each of the MLP's layers.
    private let activated: [UnsafeMutablePointer<Float>]
    /// What was observed last, a row a copy, and what was done then.
    private let rows: WindowBatch
    private let masked: UnsafeMutablePointer<UInt8>
    /// Where observations are images.
    private let encoder: (any ObservationEncoder)?
    /// Where the memory is that of a window.
    private let history: LSTMHistory?
    private let memory: FloatBuffer

    init(_ model: LSTMModel, copies: Int, slide: Int) {
        let (layout, settings) = (model.layout, model.settings)
        let (e, h) = (settings.embedding, settings.units)
        let sizes =
            [settings.layers * copies * h, settings.layers * copies * h, copies * h, copies * 3 * e, copies * 3 * e]
            + [copies * (h + e)] + Array(repeating: copies * settings.mlpWidth, count: settings.mlpDepth)
        var memory = FloatArena(sizes)
        let places = sizes.map { memory.take($0) }
        self.model = model
        self.copies = copies
        self.memory = memory.memory
        lstm = LSTM(layout.lstm)
        weights = LSTMModelWeights(layout, training: false)
        weights.pack(model.parameters.start)
        state = LSTM.State(hidden: places[0], cells: places[1])
        (scratch, embedded, input, features) = (places[2], places[3], places[4], places[5])
        activated = Array(places[6...])
        rows = WindowBatch(windows: copies, form: model.form.of(length: 1), holdsObservations: false)
        encoder = model.makeEncoder(observations: copies, pool: WorkerPool(count: 1), seed: nil)
        history =
            settings.memory == .window ? LSTMHistory(settings, copies: copies, slide: slide) : nil
        masked = .allocate(capacity: copies)
        masked.initialize(repeating: UInt8(CK_MASKED_ACTION | CK_MASKED_REWARD), count: copies)
    }

    deinit { masked.deallocate() }

    func clear(_ copy: Int) {
        let units = model.settings.units
        history?.clear(copy)
        for layer in 0..<model.settings.layers {
            for part in [state.hidden, state.cells] {
                (part + (layer * copies + copy) * units).update(repeating: 0, count: units)
            }
        }
    }

    func observe(_ observations: UnsafeRawPointer, logits: UnsafeMutablePointer<Float>) {
        let (e, h) = (model.settings.embedding, model.settings.units)
        history?.slideFull(lstm, weights.lstm, state: state, scratch: scratch, onProgress: onProgress)
        if let encoder {
            encoder.encode(observations, count: copies, into: rows.vectors.start)
        } else {
            for copy in 0..<copies {
                rows.observe(observations + copy * model.spaces.observationBytes, row: copy)
            }
        }
        // The action and its reward are still to come.
        var tokens = rows.tokens(from: 0)
        tokens.masked = UnsafePointer(masked)
        model.layout.embedForward(
            model.parameters.start, tokens, vectors: rows.vectors(from: 0), rows: copies, into: embedded)
        let given = state.hidden + (model.settings.layers - 1) * copies * h
        for copy in 0..<copies {
            let feature = features + copy * (h + e)
            feature.update(from: given + copy * h, count: h)
            (feature + h).update(from: embedded + (3 * copy + 2) * e, count: e)
        }
        weights.logits(
            features, parameters: model.parameters.start, activated: activated, into: logits, rows: copies)
        onProgress?()
    }

    func complete(actions: UnsafePointer<Int32>, rewards: UnsafePointer<Float>) {
        let e = model.settings.embedding
        rows.previousActions.update(from: actions, count: copies)
        rows.previousRewards.update(from: rewards, count: copies)
        model.layout.embedForward(
            model.parameters.start, rows.tokens(from: 0), vectors: rows.vectors(from: 0), rows: copies, into: embedded)
        for copy in 0..<copies {
            let (from, to) = (embedded + 3 * copy * e, input + 3 * copy * e)
            to.update(from: from + 2 * e, count: e)
            (to + e).update(from: from, count: 2 * e)
        }
        history?.append(input)
        lstm.step(weights.lstm, input, sequences: copies, state: state, scratch: scratch)
    }
}
