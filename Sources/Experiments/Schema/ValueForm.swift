import Foundation
import Yams

/// Why a value was refused; the reader adds where it stood and what would have been accepted.
struct Mismatch: Error {
    /// What came, for example `'many'` or `a list`.
    let came: String
    /// What is wrong with it, if more than its type.
    let reason: String?

    init(came: String, reason: String? = nil) {
        self.came = came
        self.reason = reason
    }
}

/// How values of one type stand in an experiment file: what is accepted, how it is read and how it is written.
struct ValueForm<Value>: Sendable {
    /// For people: `integer, 1 to 4096`.
    let accepted: String
    let read: @Sendable (Node) throws(Mismatch) -> Value
    let write: @Sendable (Value) -> String
}

extension Node {
    /// What this node is, in the words of an error message.
    var outline: String {
        switch self {
        case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "'\(scalar.string)'"
        case .mapping: "a section with keys"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    /// The text of a scalar that is not in quotes, where numbers and words are told apart by their look.
    func plainText() throws(Mismatch) -> String {
        guard case .scalar(let scalar) = self else { throw Mismatch(came: outline) }
        guard scalar.style == .any || scalar.style == .plain else {
            throw Mismatch(came: "the quoted text \"\(scalar.string)\"")
        }
        return scalar.string
    }
}

extension ValueForm where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> ValueForm {
        let accepted =
            range.upperBound == .max
            ? "integer, at least \(range.lowerBound)" : "integer, \(range.lowerBound) to \(range.upperBound)"
        return ValueForm(
            accepted: accepted,
            read: { node throws(Mismatch) in
                let text = try node.plainText()
                guard let value = Int(text.replacing("_", with: "")) else { throw Mismatch(came: node.outline) }
                guard range.contains(value) else { throw Mismatch(came: text, reason: "out of range") }
                return value
            },
            write: { String($0) })
    }

    static func integer(atLeast minimum: Int) -> ValueForm { integer(minimum...Int.max) }
}

extension ValueForm where Value == UInt64 {
    static var seed: ValueForm {
        ValueForm(
            accepted: "integer, 0 to \(UInt64.max)",
            read: { node throws(Mismatch) in
                guard let value = UInt64(try node.plainText().replacing("_", with: "")) else {
                    throw Mismatch(came: node.outline)
                }
                return value
            },
            write: { String($0) })
    }
}

extension ValueForm where Value == Double {
    static func number(_ low: Double, _ high: Double) -> ValueForm {
        number("\(shortest(low)) to \(shortest(high))") { $0 >= low && $0 <= high }
    }

    static func number(_ low: Double, below high: Double) -> ValueForm {
        number("\(shortest(low)) to below \(shortest(high))") { $0 >= low && $0 < high }
    }

    static func number(above low: Double, to high: Double) -> ValueForm {
        number("above \(shortest(low)), at most \(shortest(high))") { $0 > low && $0 <= high }
    }

    private static func number(_ range: String, contains: @escaping @Sendable (Double) -> Bool) -> ValueForm {
        ValueForm(
            accepted: "number, \(range)",
            read: { node throws(Mismatch) in
                let text = try node.plainText()
                guard let value = Double(text.replacing("_", with: "")), value.isFinite else {
                    throw Mismatch(came: node.outline)
                }
                guard contains(value) else { throw Mismatch(came: text, reason: "out of range") }
                return value
            },
            write: { shortest($0) })
    }
}

extension ValueForm where Value == Bool {
    static var boolean: ValueForm {
        ValueForm(
            accepted: "true or false",
            read: { node throws(Mismatch) in
                switch try node.plainText() {
                case "true": true
                case "false": false
                default: throw Mismatch(came: node.outline)
                }
            },
            write: { $0 ? "true" : "false" })
    }
}

extension ValueForm where Value == String {
    /// Text that `check` finds nothing wrong with; `check` gives the reason otherwise.
    static func text(_ accepted: String, check: @escaping @Sendable (String) -> String? = { _ in nil }) -> ValueForm {
        ValueForm(
            accepted: accepted,
            read: { node throws(Mismatch) in
                guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
                    throw Mismatch(came: node.outline)
                }
                if let reason = check(scalar.string) { throw Mismatch(came: node.outline, reason: reason) }
                return scalar.string
            },
            write: { quotedIfNeeded($0) })
    }
}

extension ValueForm {
    /// A list such as `[128, 128]`.
    static func list<Element>(of element: ValueForm<Element>, count: ClosedRange<Int>) -> ValueForm
    where Value == [Element] {
        ValueForm(
            accepted: "list of \(count.lowerBound) to \(count.upperBound), each \(element.accepted)",
            read: { node throws(Mismatch) in
                guard case .sequence(let sequence) = node else { throw Mismatch(came: node.outline) }
                guard count.contains(sequence.count) else { throw Mismatch(came: "a list of \(sequence.count)") }
                var values: [Element] = []
                for item in sequence { values.append(try element.read(item)) }
                return values
            },
            write: { "[\($0.map(element.write).joined(separator: ", "))]" })
    }
}

extension ValueForm where Value: Equatable & Sendable {
    /// One of several words.
    static func choice(_ words: [(word: String, value: Value)]) -> ValueForm {
        let accepted = words.map(\.word).joined(separator: ", ")
        return ValueForm(
            accepted: words.count == 1 ? accepted : "one of \(accepted)",
            read: { node throws(Mismatch) in
                let text = try node.plainText()
                guard let found = words.first(where: { $0.word == text }) else { throw Mismatch(came: node.outline) }
                return found.value
            },
            write: { value in words.first { $0.value == value }?.word ?? "\(value)" })
    }
}

extension ValueForm {
    /// Either `word`, which stands for nil, or a value.
    static func optional<Wrapped>(_ inner: ValueForm<Wrapped>, _ word: String) -> ValueForm where Value == Wrapped? {
        ValueForm(
            accepted: "\(inner.accepted), or \(word)",
            read: { node throws(Mismatch) in
                if case .scalar(let scalar) = node, scalar.string == word { return nil }
                return try inner.read(node)
            },
            write: { $0.map(inner.write) ?? word })
    }
}

extension ValueForm where Value: RawRepresentable & CaseIterable & Equatable & Sendable, Value.RawValue == String {
    /// One of the raw values of an enumeration.
    static var choice: ValueForm { .choice(Value.allCases.map { (word: $0.rawValue, value: $0) }) }
}

/// A number as people write it: `0.99`, `20`, `1e-06`; it reads back as the same number.
func shortest(_ value: Double) -> String {
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// `text` as a YAML scalar: in double quotes where a bare one would mean something else.
func quotedIfNeeded(_ text: String) -> String {
    let bare = text.allSatisfy { $0.isLetter || $0.isNumber || "-_./".contains($0) }
    let special = ["true", "false", "null", "none", "yes", "no", "on", "off", "~"].contains(text.lowercased())
    if bare, !special, Double(text) == nil, let first = text.first, first != "-" { return text }
    let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        .replacing("\t", with: "\\t")
    return "\"\(escaped)\""
}
