package import Settings

/// A network with memory in the place of hidden layers (paper, Table 6).
package struct LSTMSettings: SettingsGroup {
    /// Units of every layer.
    package var units = 256
    package var layers = 2
    /// Threads of a learner. What is learnt does not depend on it.
    package var threads = 1

    package init() {}

    package init(units: Int = 256, layers: Int = 2, threads: Int = 1) {
        self.units = units
        self.layers = layers
        self.threads = threads
    }

    package static let entries: [Entry<LSTMSettings>] = [
        .key("units", \.units, .integer(16...4096), "Units of every layer, a multiple of 16."),
        .key("layers", \.layers, .integer(1...8), "Layers."),
        .key(
            "threads", \.threads, .integer(1...64), "Threads of a learner; what is learnt does not depend on it."),
    ]

    package func contradictions() -> [Contradiction] {
        guard !units.isMultiple(of: 16) else { return [] }
        return [Contradiction(["units"], "\(units) units are no multiple of 16")]
    }
}
