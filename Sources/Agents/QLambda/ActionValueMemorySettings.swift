package import Settings

/// A network of action values with memory (paper, Table 7).
package struct ActionValueMemorySettings: SettingsGroup {
    /// Units of every layer.
    package var units = 256
    package var layers = 1

    package init() {}

    package init(units: Int = 256, layers: Int = 1) {
        self.units = units
        self.layers = layers
    }

    package static let entries: [Entry<ActionValueMemorySettings>] = [
        .key("units", \.units, .integer(16...4096), "Units of every layer, a multiple of 16."),
        .key("layers", \.layers, .integer(1...8), "Layers."),
    ]

    package func contradictions() -> [Contradiction] {
        guard !units.isMultiple(of: 16) else { return [] }
        return [Contradiction(["units"], "\(units) units are no multiple of 16")]
    }
}
