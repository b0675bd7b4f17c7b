/// How numbers are written for people, on a terminal, in a log, in a report: without a locale, the same everywhere.
///
/// What is not finite is a dash. Nothing here is read by a program: files and JSON have plain numbers.
package enum NumberText {
    private static let notANumber = "–"
    /// A number with more units of its last decimal than this is written as Swift does.
    private static let largestUnits = 1e15

    // MARK: - Numbers

    /// Exactly `decimals` decimals, with `separator` between thousands: `1234.50`.
    ///
    /// Rounds half away from zero.
    package static func fixed(_ value: Double, decimals: Int, separator: String = "") -> String {
        guard value.isFinite else { return notANumber }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        guard abs(value) * scale < largestUnits else { return "\(value)" }
        let units = Int64((abs(value) * scale).rounded())
        let whole = grouped(Int(units / Int64(scale)), separator: separator)
        let digits = String(units % Int64(scale))
        let fraction = decimals == 0 ? "" : "." + String(repeating: "0", count: decimals - digits.count) + digits
        return (value < 0 && units > 0 ? "-" : "") + whole + fraction
    }

    /// At most `decimals` decimals, without zeros at the end: `0.25`, `16`, `-1.5`.
    package static func short(_ value: Double, decimals: Int = 2) -> String {
        var text = fixed(value, decimals: decimals)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// `1,234,567`
    package static func count(_ value: Int) -> String {
        (value < 0 ? "-" : "") + grouped(Int(clamping: value.magnitude), separator: ",")
    }

    /// A count in a narrow column: `812`, `45.6 k`, `1.2 M`.
    package static func roughCount(_ value: Double) -> String {
        scaled(value, by: 1000, units: ["", " k", " M", " G", " T", " P"])
    }

    /// `83.9 %`
    package static func percent(_ share: Double, decimals: Int = 1) -> String {
        share.isFinite ? fixed(share * 100, decimals: decimals) + " %" : notANumber
    }

    /// `0-24`, or `7` for one alone.
    package static func range(_ range: Range<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(max(range.lowerBound, range.upperBound - 1))"
    }

    // MARK: - Bytes and seconds

    /// `64 MiB`, `1.5 KiB`, `12 B`: powers of 1024, as limits are declared.
    package static func bytes(_ count: Int) -> String {
        scaled(Double(count), by: 1024, units: [" B", " KiB", " MiB", " GiB", " TiB", " PiB"])
    }

    /// `0.4 s`, `38 s`, `4 min 05 s`, `1 h 12 min`: a decimal below 10 s, no seconds from an hour on.
    package static func duration(_ seconds: Double) -> String {
        guard seconds >= 0, seconds < largestUnits else { return notANumber }
        if seconds < 9.95 { return short(seconds, decimals: 1) + " s" }
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60 < 10 ? "0" : "")\(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// A duration in a narrow column, or that is an estimate: `12 s`, `3 min`, `2.5 h`. Seconds and minutes are those
    /// that have passed.
    package static func roughDuration(_ seconds: Double) -> String {
        guard seconds >= 0, seconds < largestUnits else { return notANumber }
        if seconds < 120 { return "\(Int(seconds)) s" }
        return seconds < 7200 ? "\(Int(seconds / 60)) min" : "\(fixed(seconds / 3600, decimals: 1)) h"
    }

    // MARK: - Parts

    private static func grouped(_ value: Int, separator: String) -> String {
        var digits = String(value)
        guard !separator.isEmpty else { return digits }
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: separator)
    }

    /// One decimal below 100 units, none in the smallest unit, nor where it would be 0.
    private static func scaled(_ value: Double, by step: Double, units: [String]) -> String {
        guard value.isFinite else { return notANumber }
        var value = value
        var unit = 0
        // What would be rounded to the next unit is said in the next unit.
        while abs(value) >= step - 0.5, unit < units.count - 1 {
            value /= step
            unit += 1
        }
        let decimals = unit == 0 || abs(value) >= 99.95 || value == value.rounded() ? 0 : 1
        return fixed(value, decimals: decimals) + units[unit]
    }
}
