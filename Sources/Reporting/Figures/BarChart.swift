import Quantities

/// Counts or amounts by category, one bar each.
///
/// The axis of the bars begins at 0. `ReportFigures.finalShares` uses it for ten bins of a tenth each, from 0 to 100 %.
package struct BarChart: Figure {
    /// One category, or one bin of a histogram.
    package struct Bar: Sendable {
        /// The category, or in a histogram the bin's lower edge.
        package var label: String
        /// The bar's height; nothing is drawn for 0 or less.
        package var value: Double

        /// `label` is shown as it is and escaped when it is written.
        package init(_ label: String, _ value: Double) {
            self.label = label
            self.value = value
        }
    }

    /// File name of its numbers, and its anchor on the page: `report.html#held-out-final-shares`.
    package var name: String
    /// Stands above the bars, and is what a screen reader says.
    package var title: String
    /// Plain text below the bars; says how the bars were counted.
    package var caption: String
    /// What the categories are; also the first column of the CSV file.
    package var xTitle: String
    /// What is counted; also the second column of the CSV file.
    package var yTitle: String
    /// What the bars stand for, which gives them their colour.
    package var role: Role
    /// From left to right.
    package var bars: [Bar]
    /// Adjacent bars are the bins of one quantity, and a label belongs to a bin's lower edge.
    package var isHistogram: Bool
    /// The label of the last bin's upper edge.
    package var lastEdge: String
    /// In the drawing's own units; the page scales it.
    package var size: (width: Double, height: Double)

    /// The size is half of the page's width unless it is given.
    package init(
        name: String, title: String, caption: String, xTitle: String, yTitle: String, role: Role, bars: [Bar],
        isHistogram: Bool = false, lastEdge: String = "", size: (width: Double, height: Double) = (560, 340)
    ) {
        self.name = name
        self.title = title
        self.caption = caption
        self.xTitle = xTitle
        self.yTitle = yTitle
        self.role = role
        self.bars = bars
        self.isHistogram = isHistogram
        self.lastEdge = lastEdge
        self.size = size
    }

    /// A line for each bar: its label, its value.
    ///
    /// Names of the columns are the axes' titles, quoted where they have commas.
    package var csv: String {
        "\(csvField(xTitle)),\(csvField(yTitle))\n"
            + bars.map { "\(csvField($0.label)),\(csvField($0.value))\n" }.joined()
    }

    /// Values stand above their bars, with at most one decimal.
    package var svg: String {
        let y = Axis(
            0...(max(bars.map(\.value).max() ?? 1, 1e-9) * 1.06), from: size.height - 50, to: 14,
            count: Int(size.height / 62))
        let left = 58.0
        let slot = (size.width - left - 16) / Double(max(1, bars.count))
        var svg = SVGText()
        svg.openFigure(width: size.width, height: size.height, title: title)
        svg.grid(of: y, from: left, to: size.width - 16)
        for (index, bar) in bars.enumerated() {
            let gap = isHistogram ? 1.5 : slot * 0.18
            let x = left + Double(index) * slot
            let top = y.position(bar.value)
            if bar.value > 0 {
                svg.element(
                    "rect",
                    [
                        ("class", "bar"), ("x", at(x + gap)), ("y", at(top)), ("width", at(slot - 2 * gap)),
                        ("height", at(y.pixels.start - top)), ("rx", "1.5"), ("style", "fill:\(role.colour)"),
                    ])
                svg.label(
                    NumberText.short(bar.value, decimals: 1), x: x + slot / 2, y: top - 6, class: "tick",
                    anchor: "middle")
            }
            svg.label(
                bar.label, x: isHistogram ? x : x + slot / 2, y: y.pixels.start + 19, class: "tick", anchor: "middle")
        }
        if isHistogram {
            svg.label(lastEdge, x: size.width - 16, y: y.pixels.start + 19, class: "tick", anchor: "middle")
        }
        svg.line(left, y.pixels.start, size.width - 16, y.pixels.start, class: "axis")
        svg.label(
            xTitle, x: (left + size.width - 16) / 2, y: size.height - 8, class: "axis-title", anchor: "middle")
        svg.title(yTitle, of: y)
        svg.close("svg")
        return svg.text
    }
}
