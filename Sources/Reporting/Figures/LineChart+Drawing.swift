extension LineChart {
    /// Room for the numbers and the title of the y axis, in the drawing's units.
    private static let left = 58.0
    /// Room above the plot.
    private static let top = 14.0
    /// Room for the numbers and the title of the x axis.
    private static let bottom = 50.0
    /// Room for the labels at the lines' ends.
    ///
    /// About the mean width of a character of the labels' font. Text cannot be measured without a browser, so that the
    /// right margin is reckoned from the longest name.
    private static let labelWidthOfCharacter = 6.7
    /// Room for a piece of the line before its name, where lines are told apart by their dashes.
    private static let dashSample = 34.0
    /// Distance of two labels at the lines' ends.
    private static let labelHeight = 15.0

    /// Bands lie below all lines. What would leave the plot is clamped to its edge.
    ///
    /// The right margin has room for the longest name, and takes at most 40 % of the width; a chart with more names than
    /// its height has room for is higher. References lie below bands, bands below lines, labels on top.
    package var svg: String {
        let visible = series.filter { !$0.points.isEmpty }
        let longest = (visible.map(\.name) + references.map(\.name)).map(\.count).max() ?? 0
        let sample = visible.contains { $0.dash != .solid && !$0.isFaint } ? Self.dashSample : 0
        let right = min(size.width * 0.4, 22 + sample + Double(longest) * Self.labelWidthOfCharacter)
        let named = visible.count { !$0.isFaint } + references.count
        let height = max(size.height, Self.top + Self.bottom + Double(named) * Self.labelHeight)
        let x = Axis(
            xExtent(visible), from: Self.left, to: size.width - right, count: Int(size.width / 110))
        let y = Axis(
            yExtent(visible), from: height - Self.bottom, to: Self.top, count: Int(height / 62))

        var svg = SVGText()
        svg.openFigure(width: size.width, height: height, title: title)
        drawAxes(x, y, into: &svg)
        for reference in references {
            svg.line(
                x.pixels.start, y.clamped(reference.value), x.pixels.end, y.clamped(reference.value),
                class: "reference",
                style: "stroke:\(reference.role.colour)")
        }
        for line in visible { drawBand(line, x, y, into: &svg) }
        for line in visible { drawLine(line, x, y, into: &svg) }
        drawLabels(visible, x, y, into: &svg)
        svg.close("svg")
        return svg.text
    }

    /// 0 to 1 where there is no point.
    ///
    /// `xRange` decides where it is given.
    private func xExtent(_ visible: [Series]) -> ClosedRange<Double> {
        if let xRange { return xRange }
        let values = visible.flatMap { $0.points.map(\.x) }
        guard let low = values.min(), let high = values.max() else { return 0...1 }
        return low...high
    }

    /// Holds points, bounds, references and `yRange`, with 4 % more; begins at 0 where the data come near it.
    ///
    /// Values that are not finite are left out. A low of 0 or more begins at 0 where it is less than a quarter of the
    /// high.
    private func yExtent(_ visible: [Series]) -> ClosedRange<Double> {
        var values = visible.flatMap { $0.points.flatMap { [$0.y, $0.low ?? $0.y, $0.high ?? $0.y] } }
        values += references.map(\.value)
        if let yRange { values += [yRange.lowerBound, yRange.upperBound] }
        values = values.filter(\.isFinite)
        guard let low = values.min(), let high = values.max() else { return 0...1 }
        // Room above and below, but no room below zero where no value is negative.
        let margin = 0.04 * max(high - low, 1e-9)
        return (low >= 0 && low < 0.25 * high ? 0 : low - margin)...(high + margin)
    }

    /// Horizontal lines at the ticks of y, ticks below for x, titles of both.
    ///
    /// The line of y = 0 has a class of its own.
    private func drawAxes(_ x: Axis, _ y: Axis, into svg: inout SVGText) {
        for tick in y.ticks {
            let position = y.position(tick)
            svg.line(x.pixels.start, position, x.pixels.end, position, class: tick == 0 ? "grid zero" : "grid")
            svg.label(
                y.label(tick), x: x.pixels.start - 8, y: position + 4, class: "tick",
                anchor: "end")
        }
        svg.line(x.pixels.start, y.pixels.start, x.pixels.end, y.pixels.start, class: "axis")
        for tick in x.ticks {
            let position = x.position(tick)
            svg.line(position, y.pixels.start, position, y.pixels.start + 5, class: "axis")
            svg.label(
                x.label(tick), x: position, y: y.pixels.start + 19, class: "tick",
                anchor: "middle")
        }
        svg.label(
            xTitle, x: (x.pixels.start + x.pixels.end) / 2, y: y.pixels.start + Self.bottom - 8, class: "axis-title",
            anchor: "middle")
        svg.title(yTitle, of: y)
    }

    /// The 95 % interval as a pale area; nothing where fewer than two points have bounds.
    ///
    /// A polygon along the upper bounds and back along the lower ones. Points without bounds are skipped.
    private func drawBand(_ line: Series, _ x: Axis, _ y: Axis, into svg: inout SVGText) {
        let bounded = line.points.filter { $0.low != nil && $0.high != nil && x.range.contains($0.x) }
        guard bounded.count > 1 else { return }
        let upper = bounded.map { "\(at(x.position($0.x))),\(at(y.clamped($0.high ?? $0.y)))" }
        let lower = bounded.reversed().map { "\(at(x.position($0.x))),\(at(y.clamped($0.low ?? $0.y)))" }
        svg.element(
            "polygon",
            [
                ("class", "band"), ("points", (upper + lower).joined(separator: " ")),
                ("style", "fill:\(line.role.colour)"),
            ])
    }

    /// A line between neighbours; a dot and a whisker at each point where the series has dots.
    ///
    /// Points outside of the x axis are left out, so that a line may begin or end in the plot.
    private func drawLine(_ line: Series, _ x: Axis, _ y: Axis, into svg: inout SVGText) {
        // A point that is not a number breaks the line.
        for part in line.points.filter({ x.range.contains($0.x) }).split(whereSeparator: { !$0.y.isFinite }) {
            let path = part.map { "\(at(x.position($0.x))),\(at(y.clamped($0.y)))" }.joined(separator: " ")
            svg.element(
                "polyline",
                [
                    ("class", line.isFaint ? "line faint" : "line"), ("points", path),
                    ("style", stroke(line.role, line.dash)),
                ])
            guard line.hasDots else { continue }
            for point in part {
                drawWhisker(point, x, y, line.role, into: &svg)
                svg.element(
                    "circle",
                    [
                        ("class", "dot"), ("cx", at(x.position(point.x))), ("cy", at(y.clamped(point.y))), ("r", "4"),
                        ("style", "fill:\(line.role.colour)"),
                    ])
            }
        }
    }

    private func stroke(_ role: Role, _ dash: Dash) -> String {
        "stroke:\(role.colour)" + (dash == .solid ? "" : ";stroke-dasharray:\(dash.rawValue)")
    }

    /// The interval of one point as a vertical stroke; nothing where it has none.
    ///
    /// Drawn for series with few points, where a band would say that values in between are known.
    private func drawWhisker(_ point: Point, _ x: Axis, _ y: Axis, _ role: Role, into svg: inout SVGText) {
        guard let low = point.low, let high = point.high else { return }
        svg.line(
            x.position(point.x), y.clamped(low), x.position(point.x), y.clamped(high), class: "whisker",
            style: "stroke:\(role.colour)")
    }

    /// Names at the lines' right ends, pushed apart where they would overlap.
    ///
    /// A thin leader joins a label to its line where the label was moved, or where the line ends before the plot does.
    private func drawLabels(_ visible: [Series], _ x: Axis, _ y: Axis, into svg: inout SVGText) {
        struct Label {
            var name: String
            var role: Role
            var dash = Dash.solid
            var isReference = false
            var end: (x: Double, y: Double)
            var y: Double
        }
        let hasDashes = visible.contains { $0.dash != .solid && !$0.isFaint }
        var labels = references.map { reference -> Label in
            let position = y.clamped(reference.value)
            return Label(
                name: reference.name, role: reference.role, isReference: true, end: (x.pixels.end, position),
                y: position)
        }
        for line in visible where !line.isFaint {
            guard let last = line.points.last(where: { $0.y.isFinite && x.range.contains($0.x) }) else { continue }
            let position = y.clamped(last.y)
            labels.append(
                Label(
                    name: line.name, role: line.role, dash: line.dash, end: (x.position(last.x), position), y: position)
            )
        }
        labels.sort { $0.y < $1.y }
        let spread = spreadApart(labels.map(\.y), by: Self.labelHeight, within: (Self.top + 4)...(y.pixels.start - 2))
        for (index, label) in labels.enumerated() {
            let start = x.pixels.end + 14
            if abs(spread[index] - label.y) > 3 || label.end.x < x.pixels.end - 3 {
                svg.line(
                    label.end.x + 2, label.end.y, start - 3, spread[index], class: "leader",
                    style: "stroke:\(label.role.colour)")
            }
            if hasDashes {
                svg.line(
                    start, spread[index], start + Self.dashSample - 6, spread[index],
                    class: label.isReference ? "reference" : "line",
                    style: stroke(label.role, label.dash))
            }
            svg.label(
                label.name, x: hasDashes ? start + Self.dashSample : start, y: spread[index] + 4, class: "series",
                style: "fill:\(label.role.colour)")
        }
    }
}

/// Moves sorted `positions` as little as it takes (in the sum of squares) for neighbours to be at least `gap` apart and all
/// of them within `bounds`; where there is no room for that, they are closer than `gap`, at equal distances.
///
/// For the names at the ends of lines: `positions` are the labels' middles from top to bottom. Without their gaps they need
/// only rise, so that neighbours which would cross share their mean (pooling adjacent violators).
func spreadApart(_ positions: [Double], by gap: Double, within bounds: ClosedRange<Double>) -> [Double] {
    guard positions.count > 1 else { return positions.map { min(max($0, bounds.lowerBound), bounds.upperBound) } }
    let gap = min(gap, (bounds.upperBound - bounds.lowerBound) / Double(positions.count - 1))
    var groups: [(sum: Double, count: Int)] = []
    for (index, position) in positions.enumerated() {
        groups.append((position - Double(index) * gap, 1))
        while groups.count > 1 {
            let (one, next) = (groups[groups.count - 2], groups[groups.count - 1])
            guard one.sum / Double(one.count) > next.sum / Double(next.count) else { break }
            groups.removeLast(2)
            groups.append((one.sum + next.sum, one.count + next.count))
        }
    }
    let highest = bounds.upperBound - Double(positions.count - 1) * gap
    let placed = groups.flatMap { group in
        Array(repeating: min(max(group.sum / Double(group.count), bounds.lowerBound), highest), count: group.count)
    }
    return placed.enumerated().map { $1 + Double($0) * gap }
}
