import Experience
package import Neural
import Settings

/// The causal transformer as a kind of model: the entry of the registry, which stores nothing. `TransformerModel` is
/// the model itself.
package enum Transformer: SequenceModelKind {
    package static let name = "transformer"
    package static let summary = "The paper's causal transformer over the last transitions."

    package static func parameterLayout(_ settings: TransformerSettings, _ spaces: ModelSpaces) throws
        -> ParameterLayout
    { try TransformerLayout(settings, spaces).parameters }

    package static func forwardOperations(_ settings: TransformerSettings, _ spaces: ModelSpaces) throws -> Double {
        TransformerArithmetic.forward(try TransformerLayout(settings, spaces), windows: 1)
    }

    package static func make(_ settings: TransformerSettings, _ spaces: ModelSpaces, seed: UInt64?) throws
        -> any SequenceModel
    { try TransformerModel(settings: settings, spaces: spaces, seed: seed) }
}

/// A transformer: its layout and its parameters, and the maker of its passes, contexts and inferences.
///
/// Post-norm blocks of attention and a GELU MLP over learned absolute positions, with a linear head on the token of o_t
/// (paper, Table 1). Observations are a few integers, or images.
package final class TransformerModel: SequenceModel {
    package let layout: TransformerLayout
    /// All parameters in one buffer in the order of `layout`; the optimiser changes it in place, and every pass reads
    /// it.
    package let parameters: FloatBuffer
    package let form: WindowForm
    package let choice: ModelChoice

    /// An untrained model, or one of zeros without a seed. Throws `SettingsError` for settings or spaces that no
    /// transformer can have.
    package init(settings: TransformerSettings, spaces: ModelSpaces, seed: UInt64? = nil) throws {
        layout = try TransformerLayout(settings, spaces)
        form = WindowForm(
            spaces: spaces, length: settings.contextLength, input: layout.observations.input,
            masksTogether: settings.tokensPerTransition == 1)
        choice = ModelChoice(Transformer.self, settings)
        parameters = FloatBuffer(layout.parameters.count)
        if let seed { layout.initialise(parameters, seed: seed) }
    }

    package var settings: TransformerSettings { layout.settings }
    package var parameterLayout: ParameterLayout { layout.parameters }
    package var preferredWindows: Int { max(1, Self.preferredTokens(settings) / settings.tokens) }

    /// Tokens of a micro-batch. Each adds to all gradients once, so where those of an MLP do not stay in the
    /// second-level cache, fewer and larger micro-batches save more than their own activations cost.
    private static func preferredTokens(_ settings: TransformerSettings) -> Int {
        let gradientFloats = 2 * settings.modelDimension * settings.feedForward
        return gradientFloats * MemoryLayout<Float>.stride > cacheBytes / 2 ? 400 : 100
    }

    /// A second-level cache as most processors have it.
    private static let cacheBytes = 1 << 20

    /// All passes share one copy of the packed weights: each worker packs some of the blocks in `prepare`.
    package func makePasses(workers: Int, windows: Int, seed: UInt64) -> [any TrainingPass] {
        let packed = PackedWeights(layout, training: true)
        return (0..<workers).map { worker in
            TransformerPass(
                self, packed, share: .init(worker: worker, workers: workers), windows: windows, seed: seed)
        }
    }

    package func makeEncoder(observations: Int, pool: WorkerPool, seed: UInt64?) -> (any ObservationEncoder)? {
        layout.observations.makeEncoder(parameters: parameters, observations: observations, pool: pool, seed: seed)
    }

    /// Bytes of keys and values that a context may take.
    package static let maximumCacheBytes = 16 << 30

    /// Throws `SettingsError` for so many copies that their keys and values would exceed `maximumCacheBytes`.
    package func makeContext(copies: Int, slide: Int) throws -> any ModelContext {
        let cacheBytes = KeyValueCache.byteCount(settings, slots: copies)
        guard cacheBytes <= Self.maximumCacheBytes else {
            throw SettingsError(
                "copies", "must need at most \(Self.maximumCacheBytes) bytes of keys and values, not \(cacheBytes)",
                found: "\(copies)")
        }
        return TransformerContext(self, copies: copies, slide: slide)
    }

    package func makeInference(windows: Int) -> any WindowInference { TransformerInference(self, sequences: windows) }

    /// A pass that tells its attention weights, for one window.
    func makeAttentionPass() -> TransformerPass {
        let pass = TransformerPass(
            self, PackedWeights(layout, training: true), share: .init(worker: 0, workers: 1), windows: 1, seed: 0)
        pass.prepare()
        return pass
    }
}
