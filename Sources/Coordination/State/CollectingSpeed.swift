/// The environment steps of all actor processes of this start of the run, those that have left included, and when they
/// are plotted. Owned by the coordinator.
package struct CollectingSpeed {
    package static let plotIntervalNanoseconds: UInt64 = 10_000_000_000

    package private(set) var steps = 0.0
    private var rate = RateMeter()
    private var nextPlot: UInt64 = 0
    /// Environment steps that earlier starts of the run had plotted.
    private let plottedBefore: UInt64

    package init(plottedBefore: UInt64) { self.plottedBefore = plottedBefore }

    /// Environment steps a second.
    package var perSecond: Double { rate.perSecond }

    /// An actor process has counted so many more.
    package mutating func add(_ count: Double, now: UInt64) {
        steps += count
        rate.add(steps, now: now)
    }

    /// At most every 10 s the steps of this and of earlier starts, where a plot is due; nil otherwise.
    package mutating func plotStep(now: UInt64) -> UInt64? {
        guard steps > 0, now >= nextPlot else { return nil }
        nextPlot = now + Self.plotIntervalNanoseconds
        return plottedBefore + UInt64(steps)
    }
}
