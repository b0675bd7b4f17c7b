/// How numbers are written in figures and tables: no locale, the same everywhere.
///
/// What is not finite is a dash.
enum NumberText {
    /// At most `decimals` decimals, without trailing zeros: `0.25`, `16`, `-1.5`.
    ///
    /// Rounds first, so that -0.001 with two decimals is `0`, without a sign.
    static func short(_ value: Double, decimals: Int = 2) -> String {
        guard value.isFinite else { return "–" }
        var text = fixed(value, decimals: decimals)
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text == "-0" ? "0" : text
    }

    /// Exactly `decimals` decimals, thousands apart: `1,234.50`.
    ///
    /// Rounds half away from zero. A number of 10^15 or more is written as Swift does.
    ///
    /// `separator` stands between thousands, and is empty for none; `decimals` 0 leaves the point out.
    static func fixed(_ value: Double, decimals: Int, separator: String = "") -> String {
        guard value.isFinite, abs(value) < 1e15 else { return value.isFinite ? "\(value)" : "–" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let units = Int64((abs(value) * scale).rounded())
        let whole = grouped(Int(units / Int64(scale)), separator: separator)
        let digits = String(units % Int64(scale))
        let fraction = decimals == 0 ? "" : "." + String(repeating: "0", count: decimals - digits.count) + digits
        return (value < 0 && units > 0 ? "-" : "") + whole + fraction
    }

    /// `1,234,567`
    ///
    /// Thousands are set apart by commas.
    static func count(_ value: Int) -> String { (value < 0 ? "-" : "") + grouped(abs(value), separator: ",") }

    /// Digits of a number that is not negative, in groups of three from the right.
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

    /// `83.9 %`
    ///
    /// With a space that does not break, so that a number and its sign stay on one line.
    static func percent(_ share: Double, decimals: Int = 1) -> String {
        share.isFinite ? fixed(share * 100, decimals: decimals) + "\u{00A0}%" : "–"
    }

    /// A tick on an axis whose ticks are `step` apart: `200`, `1.5M`, `20k`, `0.05`.
    ///
    /// As many decimals as `step` needs.
    ///
    /// Numbers that are not shortened have the same decimals all along an axis, so that they align.
    static func tick(_ value: Double, step: Double) -> String {
        let magnitude = abs(value)
        if step >= 100_000, magnitude >= 1e6 { return short(value / 1e6, decimals: 2) + "M" }
        if step >= 1_000, magnitude >= 1e4 { return short(value / 1e3, decimals: 1) + "k" }
        var decimals = 0
        var unit = step
        while decimals < 8, abs(unit - unit.rounded()) > 1e-6 * unit {
            unit *= 10
            decimals += 1
        }
        return fixed(value, decimals: decimals)
    }

    /// `4 min 05 s`, `1 h 12 min`, `38 s`, `0.4 s`.
    ///
    /// Seconds in; below 10 s with a decimal, from an hour on without seconds.
    ///
    /// A negative or infinite number of seconds is a dash.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "–" }
        if seconds < 10 { return short(seconds, decimals: 1) + " s" }
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60 < 10 ? "0" : "")\(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// `1.4 GB`, powers of ten.
    ///
    /// 1 kB is 1,000 bytes. One decimal below 100 of a unit, none above.
    static func bytes(_ count: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB", "PB"]
        var value = Double(count)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return short(value, decimals: unit == 0 || value >= 100 ? 0 : 1) + " " + units[unit]
    }
}
