import Experience
package import Neural
import Settings

/// LSTM-AD as a kind of model: the entry of the registry, which stores nothing. `LSTMModel` is the model itself.
package enum LSTMModelKind: SequenceModelKind {
    package static let name = "lstm"
    package static let summary =
        "LSTM-AD (appendix K): long short-term memory of all transitions so far, and an MLP of it and the observation."

    package static func parameterLayout(_ settings: LSTMSettings, _ spaces: ModelSpaces) throws -> ParameterLayout {
        try LSTMModelLayout(settings, spaces).parameters
    }

    package static func forwardOperations(_ settings: LSTMSettings, _ spaces: ModelSpaces) throws -> Double {
        try LSTMModelLayout(settings, spaces).forwardOperations
    }

    package static func make(_ settings: LSTMSettings, _ spaces: ModelSpaces, seed: UInt64?) throws
        -> any SequenceModel
    { try LSTMModel(settings: settings, spaces: spaces, seed: seed) }
}

/// LSTM-AD: the embeddings of (o_i, a_i, r_i) go through an LSTM; what it gives after t - 1, beside the embedding of
/// o_t, goes through an MLP to the logits of a_t (paper, appendix K). Before a window's first transition it gives zeros.
///
/// Action and reward are masked each by itself, by one learned vector. Observations are a few integers, or images.
package final class LSTMModel: SequenceModel {
    package let layout: LSTMModelLayout
    /// All parameters in one buffer in the order of `layout`.
    package let parameters: FloatBuffer
    package let form: WindowForm
    package let choice: ModelChoice

    /// An untrained model, or one of zeros without a seed. Throws `SettingsError` for settings or spaces that no such
    /// model can have.
    package init(settings: LSTMSettings, spaces: ModelSpaces, seed: UInt64? = nil) throws {
        layout = try LSTMModelLayout(settings, spaces)
        form = WindowForm(
            spaces: spaces, length: settings.contextLength, input: layout.observations.input, masksTogether: false)
        choice = ModelChoice(LSTMModelKind.self, settings)
        parameters = FloatBuffer(layout.parameters.count)
        if let seed { layout.initialise(parameters, seed: seed) }
    }

    package var settings: LSTMSettings { layout.settings }
    package var parameterLayout: ParameterLayout { layout.parameters }

    /// A step of the LSTM reads all of its weights, which are larger than a second-level cache: that is worth it for
    /// some tens of windows. Long windows are fewer, since a pass keeps every step of each.
    package var preferredWindows: Int { max(8, min(32, 16_384 / settings.contextLength)) }

    /// All passes share one copy of the packed weights: each worker packs some of them in `prepare`.
    package func makePasses(workers: Int, windows: Int, seed: UInt64) -> [any TrainingPass] {
        let weights = LSTMModelWeights(layout, training: true)
        return (0..<workers).map { worker in
            LSTMPass(self, weights, share: .init(worker: worker, workers: workers), windows: windows, seed: seed)
        }
    }

    package func makeEncoder(observations: Int, pool: WorkerPool, seed: UInt64?) -> (any ObservationEncoder)? {
        layout.observations.makeEncoder(parameters: parameters, observations: observations, pool: pool, seed: seed)
    }

    /// Bytes that the states of a context, and what they may be begun anew from, may take.
    package static let maximumStateBytes = 16 << 30

    /// `slide` is of no use to a memory of the whole life. Throws `SettingsError` for so many copies that they would
    /// exceed `maximumStateBytes`.
    package func makeContext(copies: Int, slide: Int) throws -> any ModelContext {
        let state = 2 * settings.layers * settings.units * MemoryLayout<Float>.stride
        let each = state + (settings.memory == .window ? LSTMHistory.byteCount(settings) : 0)
        guard copies <= Self.maximumStateBytes / each else {
            throw SettingsError(
                "copies", "must need at most \(Self.maximumStateBytes) bytes of state, at \(each) bytes each",
                found: "\(copies)")
        }
        return LSTMContext(self, copies: copies, slide: slide)
    }
}
