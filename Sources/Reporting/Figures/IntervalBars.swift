import Quantities

/// Values with their intervals as bars, in groups: each group has a bar for each of the same names.
///
/// For comparisons such as the score of several variants on several groups of tasks. The axis holds 0, from which bars
/// rise or fall, and the references. With one name there is no legend.
package struct IntervalBars: Figure {
    /// One bar.
    package struct Bar: Sendable {
        /// In the unit of the axis.
        package var value: Double
        /// The 95 % interval; nil where there is none.
        package var interval: Interval?

        package init(_ value: Double, _ interval: Interval?) {
            self.value = value
            self.interval = interval
        }
    }

    /// Bars beside each other over one label.
    package struct Group: Sendable {
        /// Below the bars.
        package var label: String
        /// In the order of `names`; nil where one is missing.
        package var bars: [Bar?]

        package init(_ label: String, _ bars: [Bar?]) {
            self.label = label
            self.bars = bars
        }
    }

    /// File name of its numbers, and its anchor on the page.
    package var name: String
    /// Stands above the bars, and is what a screen reader says.
    package var title: String
    /// Plain text below the bars.
    package var caption: String
    /// What the values are, with their unit.
    package var yTitle: String
    /// What the bars of a group are, for the legend and the CSV file.
    package var names: [String]
    /// From left to right.
    package var groups: [Group]
    /// Dashed horizontal lines, named at the right.
    package var references: [LineChart.Reference] = []
    /// In the drawing's own units; the page scales it.
    package var size: (width: Double, height: Double) = (560, 340)

    package init(
        name: String, title: String, caption: String, yTitle: String, names: [String], groups: [Group],
        references: [LineChart.Reference] = []
    ) {
        self.name = name
        self.title = title
        self.caption = caption
        self.yTitle = yTitle
        self.names = names
        self.groups = groups
        self.references = references
    }

    /// A line for each bar; bounds are empty where there are none.
    package var csv: String {
        "group,name,value,low,high\n"
            + groups.flatMap { group in
                zip(names, group.bars).compactMap { name, bar in
                    bar.map { bar in
                        [
                            csvField(group.label), csvField(name), csvField(bar.value), csvField(bar.interval?.low),
                            csvField(bar.interval?.high),
                        ].joined(separator: ",") + "\n"
                    }
                }
            }.joined()
    }

    /// Values stand at the ends of their bars where there is room for them.
    package var svg: String {
        let legend = names.count > 1 ? names : []
        let longest = (legend + references.map(\.name)).map(\.count).max() ?? 0
        let right = min(size.width * 0.4, 18 + Double(longest) * 6.7 + (legend.isEmpty ? 0 : 16))
        let plot = (left: 58.0, right: size.width - right)
        let y = Axis(extent, from: size.height - 34, to: 14, count: Int(size.height / 62))
        var svg = SVGText()
        svg.openFigure(width: size.width, height: size.height, title: title)
        svg.grid(of: y, from: plot.left, to: plot.right)
        let slot = (plot.right - plot.left) / Double(max(1, groups.count))
        for (index, group) in groups.enumerated() {
            draw(group, from: plot.left + Double(index) * slot, slot, y, into: &svg)
        }
        svg.line(plot.left, y.position(0), plot.right, y.position(0), class: "axis")
        drawNames(legend, at: plot.right, y, from: plot.left, into: &svg)
        svg.title(yTitle, of: y)
        svg.close("svg")
        return svg.text
    }

    /// Holds 0, all values, bounds and references, with some room for the values above the bars.
    private var extent: ClosedRange<Double> {
        let bars = groups.flatMap(\.bars).compactMap { $0 }
        let values =
            (bars.flatMap { [$0.value, $0.interval?.low ?? $0.value, $0.interval?.high ?? $0.value] }
            + references.map(\.value)).filter(\.isFinite)
        let low = min(0, values.min() ?? 0)
        let high = max(0, values.max() ?? 1)
        let margin = 0.08 * max(high - low, 1e-9)
        return (low < 0 ? low - margin : 0)...(high + margin)
    }

    /// Beyond the eight colours, bars of a colour that was there before are pale.
    private func fill(_ index: Int) -> String {
        let role = names.count > 1 ? LineLook(index).role : .inContext
        return "fill:\(role.colour)" + (index / 8 % 2 == 1 ? ";fill-opacity:0.45" : "")
    }

    private func draw(_ group: Group, from start: Double, _ slot: Double, _ y: Axis, into svg: inout SVGText) {
        let width = min(64, slot * 0.8 / Double(max(1, names.count)))
        let first = start + slot / 2 - width * Double(names.count) / 2
        for (index, bar) in group.bars.enumerated() {
            guard let bar, bar.value.isFinite else { continue }
            let x = first + (Double(index) + 0.5) * width
            let (top, bottom) = (y.position(max(0, bar.value)), y.position(min(0, bar.value)))
            svg.element(
                "rect",
                [
                    ("class", "bar"), ("x", at(x - width * 0.44)), ("y", at(top)), ("width", at(width * 0.88)),
                    ("height", at(max(0.5, bottom - top))), ("rx", "1.5"), ("style", fill(index)),
                ])
            if let interval = bar.interval {
                svg.line(x, y.clamped(interval.low), x, y.clamped(interval.high), class: "bar-whisker")
            }
            if width >= 26 {
                let end = bar.value < 0 ? bar.interval?.low ?? bar.value : bar.interval?.high ?? bar.value
                svg.label(
                    NumberText.fixed(bar.value, decimals: 2), x: x,
                    y: y.clamped(end) + (bar.value < 0 ? 14 : -5), class: "tick", anchor: "middle")
            }
        }
        svg.label(
            group.label, x: start + slot / 2, y: y.pixels.start + 20, class: "tick", anchor: "middle")
    }

    /// The legend at the top of the right margin, and references at their lines.
    private func drawNames(_ legend: [String], at right: Double, _ y: Axis, from left: Double, into svg: inout SVGText)
    {
        for (index, name) in legend.enumerated() {
            let top = y.pixels.end + Double(index) * 17
            svg.element(
                "rect",
                [
                    ("x", at(right + 12)), ("y", at(top)), ("width", "10"), ("height", "10"), ("rx", "1.5"),
                    ("style", fill(index)),
                ])
            svg.label(name, x: right + 28, y: top + 9, class: "series", style: fill(index))
        }
        let legendEnd = y.pixels.end + Double(legend.count) * 17 + 6
        let places = spreadApart(
            references.map { y.clamped($0.value) }.sorted(), by: 15, within: legendEnd...max(legendEnd, y.pixels.start))
        for (reference, place) in zip(references.sorted { $0.value > $1.value }, places) {
            let position = y.clamped(reference.value)
            svg.line(
                left, position, right, position, class: "reference", style: "stroke:\(reference.role.colour)")
            if abs(place - position) > 3 {
                svg.line(
                    right + 2, position, right + 9, place, class: "leader", style: "stroke:\(reference.role.colour)")
            }
            svg.label(
                reference.name, x: right + 12, y: place + 4, class: "series", style: "fill:\(reference.role.colour)")
        }
    }
}
