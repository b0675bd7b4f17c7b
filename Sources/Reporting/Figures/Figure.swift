/// A picture with the numbers behind it.
package protocol Figure: Sendable {
    /// File name of its numbers, without `.csv`.
    var name: String { get }
    var title: String { get }
    /// One or two sentences below the picture: what is shown and how it was computed.
    var caption: String { get }
    /// An `<svg>` element that takes its colours from the page.
    var svg: String { get }
    /// Comma-separated, with a line of names first.
    var csv: String { get }
}

/// One field of a CSV line.
func csvField(_ text: String) -> String {
    text.contains(where: { ",\"\n\r".contains($0) }) ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
}

func csvField(_ value: Double?) -> String { value.map { $0.isFinite ? "\($0)" : "" } ?? "" }
