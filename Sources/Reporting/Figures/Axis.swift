import Quantities

/// One axis: a range of values, its ticks, and where they fall on the page.
///
/// For 0 to 9.7 with about five ticks the step is 2 and the ticks are 0, 2, 4, 6 and 8. A vertical axis has `start`
/// below `end` on the page, so it runs from a greater to a smaller number.
struct Axis {
    /// Values from one end to the other; a range of no width is widened by a half on each side.
    let range: ClosedRange<Double>
    /// Distance of two ticks, in the unit of the values.
    let step: Double
    /// Where `range` begins and ends, in the drawing's units.
    let pixels: (start: Double, end: Double)

    /// Ticks are 1, 2, 2.5 or 5 times a power of ten apart; `count` says about how many there should be.
    ///
    /// `start` and `end`: where the range begins and ends on the page. A `count` below 1 counts as 1.
    init(_ range: ClosedRange<Double>, from start: Double, to end: Double, count: Int) {
        let width = range.upperBound - range.lowerBound
        self.range = width > 0 && width.isFinite ? range : (range.lowerBound - 0.5)...(range.lowerBound + 0.5)
        step = Axis.niceStep((self.range.upperBound - self.range.lowerBound) / Double(max(1, count)))
        pixels = (start, end)
    }

    /// In the drawing's units; a value outside `range` lies outside the plot.
    ///
    /// Linear; the report has no logarithmic axes.
    func position(_ value: Double) -> Double {
        let share = (value - range.lowerBound) / (range.upperBound - range.lowerBound)
        return pixels.start + share * (pixels.end - pixels.start)
    }

    /// Clamped to the axis, so that no mark leaves the plot.
    ///
    /// For marks that must stay visible, such as the bounds of an interval beyond `xRange` or `yRange`.
    func clamped(_ value: Double) -> Double { position(min(max(value, range.lowerBound), range.upperBound)) }

    /// Multiples of `step` within `range`, in order; none where there would be more than a thousand.
    ///
    /// A nearly whole multiple counts as whole, so that rounding does not lose the tick at an end.
    var ticks: [Double] {
        let first = (range.lowerBound / step - 1e-9).rounded(.up)
        let last = (range.upperBound / step + 1e-9).rounded(.down)
        guard first <= last, last - first < 1000 else { return [] }
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    /// A tick's label: `200`, `1.5M`, `20k`, `0.05`, with as many decimals as `step` needs.
    func label(_ tick: Double) -> String {
        let magnitude = abs(tick)
        if step >= 100_000, magnitude >= 1e6 { return NumberText.short(tick / 1e6, decimals: 2) + "M" }
        if step >= 1_000, magnitude >= 1e4 { return NumberText.short(tick / 1e3, decimals: 1) + "k" }
        var decimals = 0
        var unit = step
        while decimals < 8, abs(unit - unit.rounded()) > 1e-6 * unit {
            unit *= 10
            decimals += 1
        }
        return NumberText.fixed(tick, decimals: decimals)
    }

    /// The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `rough`, which must be above 0.
    ///
    /// For a rough step of 1.94 it is 2, for 21 it is 25.
    private static func niceStep(_ rough: Double) -> Double {
        var unit = 1.0
        while unit * 10 <= rough { unit *= 10 }
        while unit > rough { unit /= 10 }
        return unit * ([1, 2, 2.5, 5].first { unit * $0 >= rough * 0.999 } ?? 10)
    }
}
