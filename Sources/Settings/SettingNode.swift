/// A value as it was given, before its type is known: a tree of texts, lists and sections, each with the place that it
/// came from.
///
/// YAML, `--set` and JSON all become such trees; everything behind them reads nothing else. `Experiments` makes them of
/// YAML, this module of JSON.
package struct SettingNode: Sendable {
    /// What stands at this place.
    package indirect enum Content: Sendable {
        /// `isQuoted`: the value stood in quotes, so that it is text and never a number or `true`.
        case scalar(String, isQuoted: Bool)
        case list([SettingNode])
        case section([Member])
    }

    /// A key of a section with its value.
    package struct Member: Sendable {
        /// The key as it was spelt, which may be one that no schema has.
        package let name: String
        /// Of the key; a section's value may begin some lines later.
        package let origin: Origin
        /// May be changed by an override before it is read.
        package var value: SettingNode

        /// Two members of one name may stand in a section; YAML's reader refuses that before.
        package init(name: String, origin: Origin, value: SettingNode) {
            self.name = name
            self.origin = origin
            self.value = value
        }
    }

    /// A tree is a value: `set` changes a copy.
    package var content: Content
    /// The line, the flag or the name of the text.
    package let origin: Origin

    /// Checks nothing: any tree can be built, and is refused when it is read.
    package init(_ content: Content, origin: Origin) {
        self.content = content
        self.origin = origin
    }

    /// What this value is, in the words of an error message: `'many'`, `nothing`, `a list`, `a section with keys`.
    ///
    /// Texts are repeated in full, in single quotes.
    package var outline: String {
        switch content {
        case .scalar(let text, _): text.isEmpty ? "nothing" : "'\(text.prefix(80))\(text.count > 80 ? "..." : "")'"
        case .section: "a section with keys"
        case .list: "a list"
        }
    }

    /// The text of a value that is not in quotes, where numbers and words are told apart by their look. Throws
    /// `Mismatch` for text in quotes, lists and sections.
    ///
    /// `size: "11"` is refused for a number, so that a text never becomes a number by accident.
    func plainText() throws(Mismatch) -> String {
        guard case .scalar(let text, let isQuoted) = content else { throw Mismatch(came: outline) }
        if isQuoted { throw Mismatch(came: "the quoted text \"\(text)\"") }
        return text
    }

    /// The text of a value, in quotes or not. Throws `Mismatch` for lists and sections.
    ///
    /// For names and words, where quotes make no difference.
    func text() throws(Mismatch) -> String {
        guard case .scalar(let text, _) = content else { throw Mismatch(came: outline) }
        return text
    }

    /// Whether this is `word`, which stands for nothing at all, as `null` does.
    ///
    /// `none` in quotes counts as the word too, `null` in quotes does not.
    func isWord(_ word: String) -> Bool {
        if case .scalar(let text, let isQuoted) = content { return text == word || !isQuoted && text == "null" }
        return false
    }

    /// The value at a path such as `model.layers`; nil where there is none.
    package func value(at path: String) -> SettingNode? {
        path.split(separator: ".").reduce(self as SettingNode?) { node, name in
            guard case .section(let members)? = node?.content else { return nil }
            return members.first { $0.name == name }?.value
        }
    }

    /// Puts `value` at a path such as `model.name`, making sections on the way.
    package mutating func set(_ path: String, to value: SettingNode) {
        set(path.split(separator: ".").map(String.init)[...], to: value)
    }

    /// Joins another section to this one: its keys take the places of those that are there, section by section. Anything
    /// else takes the place of this node.
    package mutating func join(_ other: SettingNode) { set([], to: other) }

    /// Takes what stands at a path such as `model.name` out of this section; nil where there is nothing.
    package mutating func remove(_ path: String) -> SettingNode? {
        remove(path.split(separator: ".").map(String.init)[...])
    }

    private mutating func remove(_ path: ArraySlice<String>) -> SettingNode? {
        guard case .section(var members) = content, let name = path.first,
            let index = members.firstIndex(where: { $0.name == name })
        else { return nil }
        let rest = path.dropFirst()
        let removed = rest.isEmpty ? members.remove(at: index).value : members[index].value.remove(rest)
        content = .section(members)
        return removed
    }

    /// Puts `value` at the path below this node, making sections on the way: how `--set` changes a file's tree before
    /// it is read. A section adds its keys to the section that is there; anything else takes the place of what is
    /// there.
    ///
    /// An empty path replaces the node, or joins two sections. A scalar in the way of a longer path gives way to a
    /// section.
    mutating func set(_ path: ArraySlice<String>, to value: SettingNode) {
        guard let name = path.first else {
            if case .section(let given) = value.content, case .section = content {
                for member in given { set([member.name], to: member.value) }
            } else {
                self = value
            }
            return
        }
        var members: [Member] = []
        if case .section(let existing) = content { members = existing }
        let rest = path.dropFirst()
        if let index = members.firstIndex(where: { $0.name == name }) {
            var inner = members[index].value
            inner.set(rest, to: value)
            // A section that has been there keeps its place; a value that is replaced takes that of the new one.
            let origin = rest.isEmpty ? value.origin : members[index].origin
            members[index] = Member(name: name, origin: origin, value: inner)
        } else {
            var inner = SettingNode(.section([]), origin: value.origin)
            inner.set(rest, to: value)
            members.append(Member(name: name, origin: value.origin, value: inner))
        }
        content = .section(members)
    }
}
