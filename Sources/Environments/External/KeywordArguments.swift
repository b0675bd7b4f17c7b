package import Settings

/// Keyword arguments as an experiment has them, kept as they were written: what is inside is the environment's affair.
package struct KeywordArguments: Hashable, Sendable {
    /// Always a section.
    fileprivate let members: SettingText

    /// Without any.
    package init() { members = .section([]) }

    fileprivate init(_ members: SettingText) { self.members = members }

    /// A JSON object, with the keys in the order of the file.
    package var json: String { members.json }
    package var isEmpty: Bool { members == .section([]) }
}

extension ValueForm where Value == KeywordArguments {
    /// A section with any keys: `{length: 0.5, map_name: 8x8}`.
    package static var keywordArguments: ValueForm {
        ValueForm(
            accepted: "section of keyword arguments, as in {length: 0.5}",
            read: { node throws(Mismatch) in
                guard case .section = node.content else { throw Mismatch(came: node.outline) }
                return KeywordArguments(value(node))
            },
            write: { $0.members })
    }

    /// A value as JSON has it: what YAML writes in more ways than JSON, such as `1_000` and `.5`, is written as JSON does.
    private static func value(_ node: SettingNode) -> SettingText {
        switch node.content {
        case .list(let items): return .list(items.map(value))
        case .section(let members): return .section(members.map { SettingText.Member($0.name, value($0.value)) })
        case .scalar(let text, let isQuoted):
            if isQuoted { return .text(text) }
            if text == "null" || text == "none" || text.isEmpty { return .absent("null") }
            if text == "true" || text == "false" { return .plain(text) }
            let digits = text.replacing("_", with: "")
            if let integer = Int(digits) { return .plain("\(integer)") }
            guard digits.allSatisfy({ $0.isNumber || "+-.eE".contains($0) }), let number = Double(digits),
                number.isFinite
            else { return .text(text) }
            return .plain("\(number)")
        }
    }
}
