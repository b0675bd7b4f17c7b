/// Lines over a common axis, with bands of uncertainty and horizontal references.
///
///     LineChart(
///         name: "returns", title: "Return by episode", caption: "Mean over 20 goals.", xTitle: "episode",
///         yTitle: "return of an episode",
///         series: [.init("in context", .inContext, curves.meanCurve(window: 5))],
///         references: [.init("optimum", .optimum, 14.2)], yRange: 0...1)
///
/// Series that are not faint are named at their right ends, not in a legend; names that would overlap are pushed apart.
package struct LineChart: Figure {
    /// One point of a series; what x and y are stands in the chart's `xTitle` and `yTitle`.
    package struct Point: Sendable, Hashable {
        package var x: Double
        /// A value that is not finite breaks the line.
        package var y: Double
        /// Lower bound of the 95 % interval; nil where there is none.
        package var low: Double?
        /// Upper bound of the 95 % interval; nil where there is none.
        package var high: Double?

        /// Without bounds the point has neither band nor whisker.
        package init(x: Double, y: Double, low: Double? = nil, high: Double? = nil) {
            self.x = x
            self.y = y
            self.low = low
            self.high = high
        }
    }

    /// One line. Points with bounds have a band around the line, and whiskers where it has dots.
    package struct Series: Sendable {
        /// Stands at the line's right end, in the line's colour.
        package var name: String
        /// Gives the line its colour.
        package var role: Role
        /// By rising x.
        package var points: [Point]
        /// Draws a dot at every point: for a few points far apart.
        package var hasDots: Bool
        /// Thin and pale, without a name: context for another series.
        package var isFaint: Bool
        /// Tells lines of the same or of a similar colour apart.
        package var dash: Dash

        /// `points` by rising x: the line is drawn in the order in which they stand.
        package init(
            _ name: String, _ role: Role, _ points: [Point], hasDots: Bool = false, isFaint: Bool = false,
            dash: Dash = .solid
        ) {
            self.name = name
            self.role = role
            self.points = points
            self.hasDots = hasDots
            self.isFaint = isFaint
            self.dash = dash
        }
    }

    /// A dashed horizontal line, such as the optimum: it has no points of its own.
    package struct Reference: Sendable {
        /// Stands at the right, in the line's colour.
        package var name: String
        /// Gives the dashed line its colour.
        package var role: Role
        /// In the unit of y.
        package var value: Double

        /// A reference widens the y axis where it lies beyond the data.
        package init(_ name: String, _ role: Role, _ value: Double) {
            self.name = name
            self.role = role
            self.value = value
        }
    }

    /// File name of its numbers, and its anchor on the page: `report.html#held-out-returns`.
    package var name: String
    /// Stands above the chart, and is what a screen reader says.
    package var title: String
    /// Plain text below the chart; says over what was averaged and what the bands are.
    package var caption: String
    /// What x is, with its unit.
    package var xTitle: String
    /// What y is, with its unit; runs upwards at the left.
    package var yTitle: String
    /// Later ones are drawn over earlier ones; those without points are left out.
    package var series: [Series]
    /// Named at the right like series.
    package var references: [Reference]
    /// Values that the y axis must show; the data may widen it. Nil: the data alone decide.
    package var yRange: ClosedRange<Double>?
    /// Exactly what the x axis shows: points outside of it are left out. Nil: as the data are.
    package var xRange: ClosedRange<Double>?
    /// In the drawing's own units; the page scales it.
    ///
    /// 560 x 340 is half the page's width, 1,120 the whole.
    package var size: (width: Double, height: Double)

    /// Half of the page's width unless `size` is given.
    package init(
        name: String, title: String, caption: String, xTitle: String, yTitle: String, series: [Series],
        references: [Reference] = [], xRange: ClosedRange<Double>? = nil, yRange: ClosedRange<Double>? = nil,
        size: (width: Double, height: Double) = (560, 340)
    ) {
        self.name = name
        self.title = title
        self.caption = caption
        self.xTitle = xTitle
        self.yTitle = yTitle
        self.series = series
        self.references = references
        self.xRange = xRange
        self.yRange = yRange
        self.size = size
    }

    /// In long form: a line for each point of each series.
    ///
    /// Bounds are empty where there are none; references have a line without x.
    package var csv: String {
        var text = "series,x,y,low,high\n"
        for line in series {
            for point in line.points {
                text +=
                    [
                        csvField(line.name), csvField(point.x), csvField(point.y), csvField(point.low),
                        csvField(point.high),
                    ].joined(separator: ",") + "\n"
            }
        }
        for reference in references { text += "\(csvField(reference.name)),,\(csvField(reference.value)),,\n" }
        return text
    }
}
