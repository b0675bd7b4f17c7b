/// The environment steps of all actor processes of this start of the run, those that have left included, and when they
/// are plotted. Owned by the coordinator.
package struct CollectingSpeed {
    package static let plotIntervalNanoseconds: UInt64 = 10_000_000_000
    /// More steps than any run takes: a node may say any number, and what lies beyond is not believed.
    private static let mostSteps = 1e15

    package private(set) var steps = 0.0
    private var rate = RateMeter()
    private var nextPlot: UInt64 = 0
    /// Environment steps that earlier starts of the run had plotted.
    private let plottedBefore: UInt64

    package init(plottedBefore: UInt64) { self.plottedBefore = plottedBefore }

    /// Environment steps a second.
    package var perSecond: Double { rate.perSecond }

    /// An actor process has counted so many more. Any number may come.
    package mutating func add(_ count: Double, now: UInt64) {
        steps = min(max(0, steps + count), Self.mostSteps)
        rate.add(steps, now: now)
    }

    /// At most every 10 s the steps of this and of earlier starts, where a plot is due; nil otherwise.
    package mutating func plotStep(now: UInt64) -> UInt64? {
        guard steps > 0, now >= nextPlot else { return nil }
        nextPlot = now + Self.plotIntervalNanoseconds
        let (sum, overflow) = plottedBefore.addingReportingOverflow(UInt64(steps))
        return overflow ? .max : sum
    }
}
