/// One axis: a range of values, its ticks, and where they fall on the page.
struct Axis {
    let range: ClosedRange<Double>
    let step: Double
    let pixels: (start: Double, end: Double)

    /// Ticks are 1, 2, 2.5 or 5 times a power of ten apart; `count` says about how many there should be.
    init(_ range: ClosedRange<Double>, from start: Double, to end: Double, count: Int) {
        let width = range.upperBound - range.lowerBound
        self.range = width > 0 && width.isFinite ? range : (range.lowerBound - 0.5)...(range.lowerBound + 0.5)
        step = Axis.niceStep((self.range.upperBound - self.range.lowerBound) / Double(max(1, count)))
        pixels = (start, end)
    }

    func position(_ value: Double) -> Double {
        let share = (value - range.lowerBound) / (range.upperBound - range.lowerBound)
        return pixels.start + share * (pixels.end - pixels.start)
    }

    /// Clamped to the axis, so that no mark leaves the plot.
    func clamped(_ value: Double) -> Double { position(min(max(value, range.lowerBound), range.upperBound)) }

    var ticks: [Double] {
        let first = (range.lowerBound / step - 1e-9).rounded(.up)
        let last = (range.upperBound / step + 1e-9).rounded(.down)
        guard first <= last, last - first < 1000 else { return [] }
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    private static func niceStep(_ rough: Double) -> Double {
        var unit = 1.0
        while unit * 10 <= rough { unit *= 10 }
        while unit > rough { unit /= 10 }
        return unit * ([1, 2, 2.5, 5].first { unit * $0 >= rough * 0.999 } ?? 10)
    }
}
