import Experience
import Neural

/// Every dropout of the transformer: a place, a sequence and a step decide what is dropped. The key comes from the
/// training's seed, so that a run repeated with any number of threads drops the same elements.
struct Dropouts {
    /// The kinds of place; the raw value is the lower byte of `Dropout`'s site, the place's number lies above it.
    enum Place: UInt32 {
        case embedding = 0, attention = 1, residual = 2
    }

    private let key: (UInt32, UInt32)
    private let settings: TransformerSettings

    init(_ settings: TransformerSettings, seed: UInt64) {
        key = Self.key(seed: seed)
        self.settings = settings
    }

    /// The key of a training's dropout, whatever its kind of model: two words of Philox for the purpose `dropout`. No
    /// other random number of the training is drawn from it.
    static func key(seed: UInt64) -> (UInt32, UInt32) {
        let words = Philox(key0: UInt32(truncatingIfNeeded: seed), key1: UInt32(truncatingIfNeeded: seed >> 32))
            .block(0, 0, 0, RandomPurpose.dropout.rawValue)
        return (words.x, words.y)
    }

    /// The dropout of place number `index` of its kind. Without a step nothing is dropped. `sequence`: the window's
    /// number in the batch. For attention `index` is block * heads + head; for residuals 2 * block, or one more behind
    /// the MLP.
    func make(_ place: Place, _ index: Int, _ sequence: Int, _ step: Int?) -> Dropout {
        guard let step else { return .none }
        let probability =
            switch place {
            case .embedding: settings.embeddingDropout
            case .attention: settings.attentionDropout
            case .residual: settings.residualDropout
            }
        return Dropout(
            probability: probability, key: key, site: place.rawValue | UInt32(truncatingIfNeeded: index) << 8,
            sequence: UInt32(truncatingIfNeeded: sequence), step: UInt32(truncatingIfNeeded: step))
    }
}
