package import Settings

/// A transformer that sees the whole trial so far, in the place of hidden layers (paper, appendix G).
package struct TrialTransformerSettings: SettingsGroup {
    /// D, of a token.
    package var dimension = 256
    package var layers = 4
    package var heads = 8
    package var feedForward = 1024
    /// Threads of a learner. What is learnt does not depend on it.
    package var threads = 1

    package init() {}

    package init(dimension: Int, layers: Int, heads: Int, feedForward: Int, threads: Int = 1) {
        self.dimension = dimension
        self.layers = layers
        self.heads = heads
        self.feedForward = feedForward
        self.threads = threads
    }

    package static let entries: [Entry<TrialTransformerSettings>] = [
        .key("dimension", \.dimension, .integer(16...4096), "Numbers of a token, a multiple of 16 and of `heads`."),
        .key("layers", \.layers, .integer(1...32), "Blocks of attention and feed-forward layer, each after its norm."),
        .key("heads", \.heads, .integer(1...64), "Heads of each attention."),
        .key("feed_forward", \.feedForward, .integer(16...16_384), "Hidden units of each feed-forward layer."),
        .key(
            "threads", \.threads, .integer(1...64), "Threads of a learner; what is learnt does not depend on it."),
    ]

    package func contradictions() -> [Contradiction] {
        guard dimension.isMultiple(of: 16), dimension.isMultiple(of: heads) else {
            return [
                Contradiction(["dimension", "heads"], "\(dimension) is no multiple of 16 and of \(heads) heads")
            ]
        }
        return []
    }
}
