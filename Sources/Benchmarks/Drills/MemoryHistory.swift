package import Wire

/// Resident memory of processes over time; every process is a series of its own. A leak shows as growth between an
/// early stretch and the end of the same process, whatever its size.
///
/// With the defaults a process counts that was seen for 420 s at least: 100 MB in its sixth minute and 103 MB in its
/// last minute are a growth of 3 %.
package struct MemoryHistory: Sendable {
    /// The seconds of a series that its end is compared with.
    private let early: Range<Double>
    /// The end of a series.
    private let lateSeconds: Double

    /// Resident memory at a moment, in megabytes of 1e6 bytes.
    private struct Sample {
        let seconds: Double
        let megabytes: Double
    }

    /// A process that replaces another has another number, so its memory does not continue the dead one's.
    private struct Series: Hashable {
        let role: RoleName
        let process: Int
    }

    /// The samples of each process in the order of time.
    private var series: [Series: [Sample]] = [:]

    /// The last minute is compared with the sixth, since in the first five caches fill, unless others are named.
    package init(early: Range<Double> = 300..<360, lateSeconds: Double = 60) {
        self.early = early
        self.lateSeconds = lateSeconds
    }

    /// `seconds`: of any clock; they never go back.
    package mutating func add(megabytes: Double, of role: RoleName, process: Int, at seconds: Double) {
        series[Series(role: role, process: process), default: []].append(
            Sample(seconds: seconds, megabytes: megabytes))
    }

    /// Roles whose processes have at least one sample.
    package var roles: Set<RoleName> { Set(series.keys.map(\.role)) }

    /// The largest sample of any process of the role; nil where there is none. It covers the whole series, the first
    /// minutes included.
    package func maximumMegabytes(of role: RoleName) -> Double? {
        series.filter { $0.key.role == role }.values.joined().map(\.megabytes).max()
    }

    /// What a process of the role had more at its end than early, in percent of the latter's median: by the median and
    /// by the maximum of the end; the process with the largest growth counts. Nil when none was there for long enough.
    package func growthPercent(of role: RoleName) -> (median: Double, maximum: Double)? {
        let growths = series.filter { $0.key.role == role }.values.compactMap(growthPercent)
        return growths.max { $0.maximum < $1.maximum }
    }

    /// Of each role, by the names under which a benchmark shows them. For a learner these are
    /// `learner_megabytes_maximum`, `learner_memory_growth_percent` and `learner_memory_growth_percent_maximum`; growth
    /// is left out where no process lived for long enough.
    package var numbers: [String: Double] {
        var numbers: [String: Double] = [:]
        for role in roles {
            numbers["\(role.rawValue)_megabytes_maximum"] = maximumMegabytes(of: role)
            let growth = growthPercent(of: role)
            numbers["\(role.rawValue)_memory_growth_percent"] = growth?.median
            numbers["\(role.rawValue)_memory_growth_percent_maximum"] = growth?.maximum
        }
        return numbers
    }

    /// The growth of one series; nil where it is too short.
    private func growthPercent(_ samples: [Sample]) -> (median: Double, maximum: Double)? {
        guard let first = samples.first?.seconds, let last = samples.last?.seconds,
            last - first >= early.upperBound + lateSeconds
        else { return nil }
        let before = samples.filter { early.contains($0.seconds - first) }.map(\.megabytes)
        let after = samples.filter { $0.seconds > last - lateSeconds }.map(\.megabytes)
        let base = before.median
        guard base > 0, let most = after.max() else { return nil }
        return (100 * (after.median / base - 1), 100 * (most / base - 1))
    }
}
