import Foundation
import Transport
import Wire

/// `64 MiB`, `1.5 KiB`, `12 B`
package func byteText(_ bytes: Int) -> String {
    scaled(Double(bytes), by: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// `812`, `45.6 k`, `1.2 M`
package func countText(_ count: Double) -> String {
    scaled(count, by: 1000, units: ["", "k", "M", "G", "T", "P"]).trimmingCharacters(in: .whitespaces)
}

/// `0-24`, or `7` for one alone.
package func rangeText(_ range: Range<Int>) -> String {
    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(max(range.lowerBound, range.upperBound - 1))"
}

private func scaled(_ value: Double, by step: Double, units: [String]) -> String {
    var value = value
    var unit = 0
    // What would be rounded to the next unit is said in the next unit.
    while abs(value) >= step - 0.5, unit < units.count - 1 {
        value /= step
        unit += 1
    }
    let digits = unit == 0 || abs(value) >= 99.95 || value == value.rounded() ? 0 : 1
    return String(format: "%.\(digits)f", value) + " " + units[unit]
}

extension Waiting {
    /// `since` and `now` in nanoseconds.
    package init(for whom: String, why: String, since: UInt64, now: UInt64) {
        self.init(for: whom, why: why, milliseconds: now > since ? (now - since) / nanosecondsPerMillisecond : 0)
    }
}
