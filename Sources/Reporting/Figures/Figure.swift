/// A picture with the numbers behind it.
///
/// A value without any state: `svg` and `csv` are computed from the same properties, so that they cannot disagree. The
/// three kinds are `LineChart`, `BarChart` and `HeatMap`; a fourth needs these five properties and nothing else.
package protocol Figure: Sendable {
    /// File name of its numbers, without `.csv`.
    var name: String { get }
    /// Stands above the picture, and is what a screen reader says of it.
    var title: String { get }
    /// One or two sentences below the picture: what is shown and how it was computed.
    var caption: String { get }
    /// An `<svg>` element that takes its colours from the page, through classes and custom properties of `StyleSheet`.
    var svg: String { get }
    /// Comma-separated, with a line of names first.
    var csv: String { get }
}

/// One field of a CSV line.
///
/// Quoted where it has a comma, a quotation mark or a line break in it, as RFC 4180 has it.
///
/// Used for names and titles; numbers never need quotes.
func csvField(_ text: String) -> String {
    text.contains(where: { ",\"\n\r".contains($0) }) ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
}

/// Empty for a number that is missing or not finite.
///
/// Swift's shortest text that reads back as the same number, so that nothing is lost between the figure and its file.
func csvField(_ value: Double?) -> String { value.map { $0.isFinite ? "\($0)" : "" } ?? "" }
