/// The speed of a counter over about the last 5 s, from at most some 50 samples.
struct RateMeter {
    /// The time over which the speed is taken.
    private static let windowNanoseconds: UInt64 = 5_000_000_000
    private static let intervalNanoseconds: UInt64 = 100_000_000
    /// Oldest first. The first one may be older than the window, so that a speed is known over all of it.
    private var samples: [(time: UInt64, count: Double)] = []

    /// Samples that follow one another too closely are left out: a thousand nodes have a thousand a second. `count` is
    /// the counter's whole value, not what has been added to it.
    mutating func add(_ count: Double, now: UInt64) {
        if samples.count > 1, let last = samples.last, now < last.time + Self.intervalNanoseconds { return }
        samples.append((now, count))
        while samples.count > 2, samples[1].time + Self.windowNanoseconds < now { samples.removeFirst() }
    }

    /// Counts a second. 0 before two samples have come, and never below 0: a counter falls where a process began anew.
    var perSecond: Double {
        guard let first = samples.first, let last = samples.last, last.time > first.time else { return 0 }
        return max(0, last.count - first.count) / (Double(last.time - first.time) * 1e-9)
    }
}
