/// Settings that belong together and have one owner: a value whose every field is declared once, by an `Entry`.
///
/// From the declaration come reading and writing YAML and JSON, `--set`, the documentation, and the check of every
/// range. A group adds what no single range can say: values that are possible each, but not together.
///
///     struct MazeSettings: SettingsGroup {
///         var size = 11
///         static let entries: [Entry<MazeSettings>] = [
///             .key("size", \.size, .integer(5...101), "Cells along a side.")
///         ]
///     }
///
/// A field without an entry keeps its default whatever is read, and is written nowhere. Values that were assigned in
/// code are not checked until `validate`.
package protocol SettingsGroup: Hashable, Sendable {
    /// The defaults: the paper's values where it states them.
    init()
    /// Every key with its range and a sentence on what it means, in the order of the documentation.
    static var entries: [Entry<Self>] { get }
    /// Values that are possible each, but not together. Called only where every value is in its own range.
    func contradictions() -> [Contradiction]
}

extension SettingsGroup {
    package func contradictions() -> [Contradiction] { [] }

    /// Throws `SettingsError` with everything that is out of range; where nothing is, with all values that do not go
    /// together.
    ///
    /// For settings that were made or changed in code; what was read from a file is checked by the reader.
    package func validate() throws(SettingsError) {
        let problems = Schema(Self.entries).problems(of: self)
        guard problems.isEmpty else { throw SettingsError(problems) }
        let contradictions = contradictions() + Schema(Self.entries).contradictions(of: self)
        guard contradictions.isEmpty else { throw SettingsError(contradictions.map { Problem($0, origin: nil) }) }
    }
}

/// Values that are possible each, but not together, such as a mean over more episodes than a lifetime has.
package struct Contradiction: Hashable, Sendable {
    /// Paths of the keys that contradict each other, below the group that says so; the likelier culprit first.
    package var keys: [String]
    /// A full sentence without the keys' names, with the values that clash.
    package let message: String

    /// Keys are relative to the group: the section that it stands in is added by `below`.
    package init(_ keys: [String], _ message: String) {
        self.keys = keys
        self.message = message
    }

    /// The same, seen from a section further up.
    ///
    /// A group does not know where it stands; the schema that contains it does.
    func below(_ path: String) -> Contradiction { Contradiction(keys.map { keyPath(path, $0) }, message) }
}

/// Settings that cannot be used: everything that is wrong with them, a sentence each. Its description has a line for
/// each problem and is fit for a terminal.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In the order in which they were found.
    package let problems: [Problem]

    package init(_ problems: [Problem]) { self.problems = problems }

    /// One setting that is not what it must be.
    ///
    /// For checks that stand outside of any entry, as in a model that refuses a size.
    package init(_ setting: String, _ expectation: String, found: String) {
        problems = [Problem(origin: nil, key: setting, message: "\(expectation), found \(found)")]
    }

    /// Fit for a terminal: a file with three errors has three lines.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
