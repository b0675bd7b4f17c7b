import Quantities

/// Curves as characters, for a terminal.
///
///     1.9 ┤            ●●●●●●●
///         │       ●●●●●
///         │    ●●●
///     0.2 ┤ooooooooooooooooooo
///         └──────────────────
///          1               200
package struct TextChart {
    package struct Series: Sendable {
        package let name: String
        /// One value an episode.
        package let values: [Double]

        package init(_ name: String, _ values: [Double]) {
            self.name = name
            self.values = values
        }
    }

    /// What points of the series look like, in their order; later series are drawn below earlier ones.
    private static let marks: [Character] = ["●", "○", "+", "x", "△", "▽"]
    /// Characters of the numbers at the left.
    private static let labelWidth = 8

    private let series: [Series]
    private let width: Int
    private let height: Int

    /// `width`, `height`: of the whole, in characters, at least 24 and 5; less is taken as those. Values that are not finite
    /// leave a gap.
    package init(_ series: [Series], width: Int, height: Int) {
        self.series = Array(series.filter { !$0.values.isEmpty }.prefix(Self.marks.count))
        self.width = max(24, width)
        self.height = max(5, height)
    }

    /// `height` lines, then one a series that names it with its last value; empty where there is nothing to draw.
    package var lines: [String] {
        let values = series.flatMap(\.values).filter(\.isFinite)
        guard let least = values.min(), let most = values.max() else { return [] }
        let (low, high) = (min(0, least), most > min(0, least) ? most : min(0, least) + 1)
        let (columns, rows) = (width - Self.labelWidth - 1, height - 2)
        let episodes = series.map(\.values.count).max() ?? 0
        var cells = Array(repeating: Array(repeating: Character(" "), count: columns), count: rows)
        for (index, line) in series.enumerated().reversed() {
            for column in 0..<columns {
                guard let value = Self.mean(line.values, column, of: columns, over: episodes) else { continue }
                let row = Int(((high - value) / (high - low) * Double(rows - 1)).rounded())
                cells[min(max(row, 0), rows - 1)][column] = Self.marks[index]
            }
        }
        let drawn = cells.enumerated().map { row, cells in
            let label = row == 0 ? Self.label(high) : row == rows - 1 ? Self.label(low) : Self.label("")
            return label + (row == 0 || row == rows - 1 ? "┤" : "│") + Self.trimmed(cells)
        }
        let last = "\(episodes)"
        let axis = [
            Self.label("") + "└" + String(repeating: "─", count: columns),
            Self.label("") + " 1" + String(repeating: " ", count: max(1, columns - 1 - last.count)) + last,
        ]
        let names = series.enumerated().map { index, line in
            "\(Self.marks[index]) \(line.name): \(NumberText.fixed(line.values.last ?? .nan, decimals: 2)) "
                + "in episode \(line.values.count)"
        }
        return drawn + axis + names
    }

    /// The mean of the values that share a column, or of the next one where there are more columns than episodes; nil
    /// behind the curve's end and where none is finite.
    private static func mean(_ values: [Double], _ column: Int, of columns: Int, over episodes: Int) -> Double? {
        let first = column * episodes / columns
        let end = max(first + 1, (column + 1) * episodes / columns)
        guard first < values.count else { return nil }
        let part = values[first..<min(end, values.count)].filter(\.isFinite)
        return part.isEmpty ? nil : part.reduce(0, +) / Double(part.count)
    }

    private static func label(_ value: Double) -> String { label(NumberText.short(value, decimals: 2)) }

    private static func label(_ text: String) -> String {
        String(repeating: " ", count: max(0, labelWidth - 1 - text.count)) + text.prefix(labelWidth - 1) + " "
    }

    private static func trimmed(_ cells: [Character]) -> String {
        String(cells[...(cells.lastIndex { $0 != " " } ?? -1)])
    }
}
