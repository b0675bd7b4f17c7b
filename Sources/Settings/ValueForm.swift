/// Why a value was refused; `SettingsReader` adds where it stood and what would have been accepted.
package struct Mismatch: Error {
    /// What came, for example `'many'` or `a list`.
    package let came: String
    /// What is wrong with it, if more than its type.
    package let reason: String?
    /// Of a value that has keys itself: what is wrong with them, with keys below that of the value. Empty where the value
    /// as a whole is refused.
    package let problems: [Problem]

    /// `reason` is put in brackets behind what came.
    package init(came: String, reason: String? = nil) {
        self.came = came
        self.reason = reason
        problems = []
    }

    /// Keys of the value are refused, each in a sentence of its own.
    package init(_ problems: [Problem]) {
        came = "a list"
        reason = nil
        self.problems = problems
    }
}

/// How values of one type stand in an experiment file: what is accepted, how it is read and how it is written.
///
/// Forms nest: `.list(of: .integer(1...4096), count: 1...8)`. `read` accepts what `write` gives for every value in
/// range.
package struct ValueForm<Value>: Sendable {
    /// For errors and tables: `integer, 1 to 4096`.
    package let accepted: String
    /// Throws `Mismatch` for a value of another type or out of range.
    package let read: @Sendable (SettingNode) throws(Mismatch) -> Value
    /// In words that `read` takes back.
    ///
    /// Never fails: a value out of range is written as it is, and refused when it is read.
    package let write: @Sendable (Value) -> SettingText

    package init(
        accepted: String, read: @escaping @Sendable (SettingNode) throws(Mismatch) -> Value,
        write: @escaping @Sendable (Value) -> SettingText
    ) {
        self.accepted = accepted
        self.read = read
        self.write = write
    }
}

extension ValueForm where Value == Int {
    /// Whole numbers of this range, without quotes; `100_000` is read as 100000.
    ///
    /// A range that ends at `Int.max` is told as "at least".
    package static func integer(_ range: ClosedRange<Int>) -> ValueForm {
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
            write: { .plain(String($0)) })
    }

    /// For counts without a natural bound.
    package static func integer(atLeast minimum: Int) -> ValueForm { integer(minimum...Int.max) }
}

extension ValueForm where Value == UInt64 {
    /// Any number of 64 bits. Larger than `Int`, hence a form of its own.
    ///
    /// Underscores are allowed, as in all numbers.
    package static var seed: ValueForm {
        ValueForm(
            accepted: "integer, 0 to \(UInt64.max)",
            read: { node throws(Mismatch) in
                guard let value = UInt64(try node.plainText().replacing("_", with: "")) else {
                    throw Mismatch(came: node.outline)
                }
                return value
            },
            write: { .plain(String($0)) })
    }
}

extension ValueForm where Value == Double {
    /// Finite numbers of a closed range.
    ///
    /// Both bounds belong to the range: a discount of 0 to 1.
    package static func number(_ low: Double, _ high: Double) -> ValueForm {
        number("\(shortest(low)) to \(shortest(high))") { $0 >= low && $0 <= high }
    }

    /// Finite numbers from `low` to below `high`.
    ///
    /// For shares that must not be everything, such as a dropout probability.
    package static func number(_ low: Double, below high: Double) -> ValueForm {
        number("\(shortest(low)) to below \(shortest(high))") { $0 >= low && $0 < high }
    }

    /// Finite numbers above `low`, at most `high`: for what is divided by, or must move something.
    package static func number(above low: Double, to high: Double) -> ValueForm {
        number("above \(shortest(low)), at most \(shortest(high))") { $0 > low && $0 <= high }
    }

    /// Text that is no number, infinity and NaN are refused; `1e-4` is a number.
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
            write: { .plain(shortest($0)) })
    }
}

extension ValueForm where Value == Bool {
    /// The words in lower case alone: YAML's `yes` and `on` are refused, because readers disagree on them.
    package static var boolean: ValueForm {
        ValueForm(
            accepted: "true or false",
            read: { node throws(Mismatch) in
                switch try node.plainText() {
                case "true": true
                case "false": false
                default: throw Mismatch(came: node.outline)
                }
            },
            write: { .plain($0 ? "true" : "false") })
    }
}

extension ValueForm where Value == String {
    /// Text that is not empty and that `check` finds nothing wrong with; `check` gives the reason otherwise.
    ///
    /// - Parameter accepted: what is expected, in the words of an error.
    ///
    /// A text in quotes may be anything that `check` accepts, spaces included.
    package static func text(_ accepted: String, check: @escaping @Sendable (String) -> String? = { _ in nil })
        -> ValueForm
    {
        ValueForm(
            accepted: accepted,
            read: { node throws(Mismatch) in
                let text = try node.text()
                guard !text.isEmpty else { throw Mismatch(came: node.outline) }
                if let reason = check(text) { throw Mismatch(came: node.outline, reason: reason) }
                return text
            },
            write: { .text($0) })
    }
}

extension ValueForm {
    /// A list such as `[128, 128]`, with bounds on its length. One element out of range refuses the whole list.
    ///
    /// The element's own sentence is part of the list's.
    package static func list<Element>(of element: ValueForm<Element>, count: ClosedRange<Int>) -> ValueForm
    where Value == [Element] {
        ValueForm(
            accepted: "list of \(count.lowerBound) to \(count.upperBound), each \(element.accepted)",
            read: { node throws(Mismatch) in
                guard case .list(let items) = node.content else { throw Mismatch(came: node.outline) }
                guard count.contains(items.count) else { throw Mismatch(came: "a list of \(items.count)") }
                var values: [Element] = []
                for item in items { values.append(try element.read(item)) }
                return values
            },
            write: { .list($0.map(element.write)) })
    }
}

extension ValueForm {
    /// A list of sections, each with the keys of a group: `[{name: held-out, episodes: 100}]`, or in YAML's block style.
    /// Everything that is wrong in any of them is told at once.
    ///
    /// Keys that have their defaults are not written.
    package static func groups<Group: SettingsGroup>(of noun: String, count: ClosedRange<Int>) -> ValueForm
    where Value == [Group] {
        ValueForm(
            accepted: "list of \(count.lowerBound) to \(count.upperBound) \(noun)",
            read: { node throws(Mismatch) in
                guard case .list(let items) = node.content else { throw Mismatch(came: node.outline) }
                guard count.contains(items.count) else { throw Mismatch(came: "a list of \(items.count)") }
                var groups: [Group] = []
                var problems: [Problem] = []
                for (index, item) in items.enumerated() {
                    do throws(SettingsError) { groups.append(try Group(item)) } catch {
                        problems += error.problems.map { $0.below("\(index)") }
                    }
                }
                guard problems.isEmpty else { throw Mismatch(problems) }
                return groups
            },
            write: { .list($0.map { Schema(Group.entries).text($0, defaults: Group()) }) })
    }
}

extension ValueForm where Value: Equatable & Sendable {
    /// One of several words, in quotes or not; case matters.
    ///
    /// The words are the file's spelling; `value` is what code uses. A value without a word is written by its
    /// description, and would not be read back.
    package static func choice(_ words: [(word: String, value: Value)]) -> ValueForm {
        let accepted = words.map(\.word).joined(separator: ", ")
        return ValueForm(
            accepted: words.count == 1 ? accepted : "one of \(accepted)",
            read: { node throws(Mismatch) in
                let text = try node.text()
                guard let found = words.first(where: { $0.word == text }) else { throw Mismatch(came: node.outline) }
                return found.value
            },
            write: { value in .text(words.first { $0.value == value }?.word ?? "\(value)") })
    }
}

extension ValueForm {
    /// Either `word`, which stands for nil, or a value. An unquoted `null` stands for nil too, since JSON writes that.
    ///
    /// The opposite of leaving a key out, which keeps the default: the word makes it nil even where the default is a
    /// value.
    package static func optional<Wrapped>(_ inner: ValueForm<Wrapped>, _ word: String) -> ValueForm
    where Value == Wrapped? {
        ValueForm(
            accepted: "\(inner.accepted), or \(word)",
            read: { node throws(Mismatch) in
                if case .scalar(let text, false) = node.content, text == word || text == "null" { return nil }
                return try inner.read(node)
            },
            write: { $0.map(inner.write) ?? .absent(word) })
    }
}

extension ValueForm where Value: RawRepresentable & CaseIterable & Equatable & Sendable, Value.RawValue == String {
    /// One of the raw values of an enumeration.
    ///
    /// The enumeration's raw values are thereby part of files: renaming one makes old files unreadable.
    package static var choice: ValueForm { .choice(Value.allCases.map { (word: $0.rawValue, value: $0) }) }
}
