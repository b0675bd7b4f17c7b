/// A number that monitoring reads, with its samples: a family in Prometheus' data model.
///
/// Names follow Prometheus' rules: `distillery_`, what is measured, the base unit (seconds, bytes), and `_total` for what only
/// grows.
package struct Metric: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// Only grows while a process lives, and begins at 0 with it.
        case counter
        case gauge
    }

    package struct Label: Sendable, Hashable {
        package let name: String
        /// Any text.
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package struct Sample: Sendable, Equatable {
        package let labels: [Label]
        package let value: Double
    }

    package let name: String
    /// One sentence.
    package let help: String
    package let kind: Kind
    package private(set) var samples: [Sample] = []

    /// A family without samples, which is not shown.
    package init(_ name: String, _ kind: Kind, _ help: String) {
        precondition(Self.isName(name) && (kind == .counter) == name.hasSuffix("_total"), "\(name) is no metric's name")
        self.name = name
        self.kind = kind
        self.help = help
    }

    /// A family with one sample, or with none where `value` is nil.
    package init(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
        self.init(name, kind, help)
        if let value { add(value) }
    }

    /// The labels of a sample tell it from the others of its family.
    package mutating func add(_ value: Double, _ labels: Label...) {
        samples.append(Sample(labels: labels, value: value))
    }

    private static func isName(_ text: String) -> Bool {
        text.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || $0 == UInt8(ascii: "_") }
    }
}

extension Metric {
    /// The content type of `text(_:)`.
    package static let textType = "text/plain; version=0.0.4; charset=utf-8"

    /// Prometheus' text format, version 0.0.4. Families without samples are left out.
    package static func text(_ metrics: [Metric]) -> String {
        var text = ""
        for metric in metrics where !metric.samples.isEmpty {
            text += "# HELP \(metric.name) \(escaped(metric.help, quotes: false))\n"
            text += "# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            for sample in metric.samples {
                let labels = sample.labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
                text += metric.name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}")
                text += " \(number(sample.value))\n"
            }
        }
        return text
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: value).map(String.init) ?? "\(value)"
    }
}
