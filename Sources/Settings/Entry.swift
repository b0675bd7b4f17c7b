/// One key of a section of `Root`, or a section inside it; declared once, by the owner of the value that it sets, and
/// used for reading, overriding, writing, checking and documenting.
package struct Entry<Root>: Sendable {
    package let name: String
    /// One sentence for docs/experiments.md.
    let summary: String
    let content: Content

    indirect enum Content: Sendable {
        case value(Leaf)
        case section(Section)
        case kinds(Kinds)
    }

    struct Leaf: Sendable {
        let accepted: String
        let isRequired: Bool
        /// Whether JSON has it though it is the default.
        let isStated: Bool
        let read: @Sendable (SettingNode, inout Root) throws(Mismatch) -> Void
        /// Nil where the value stands in a section that is absent.
        let write: @Sendable (Root) -> SettingText?
    }

    struct Section: Sendable {
        let entries: [Entry<Root>]
        /// For a section that may be absent.
        let presence: Presence?
        /// What the section's owner says of its values together; keys are below the section.
        let contradictions: @Sendable (Root) -> [Contradiction]
    }

    struct Presence: Sendable {
        /// The scalar that stands for the absent section.
        let absentWord: String
        let isPresent: @Sendable (Root) -> Bool
        let setPresent: @Sendable (Bool, inout Root) -> Void
    }

    /// A section whose keys are those of the kind that one of them picks.
    struct Kinds: Sendable {
        /// The key that picks: `name`.
        let key: String
        let keySummary: String
        let names: @Sendable () -> [String]
        /// One sentence on what the kind is.
        let summary: @Sendable (String) -> String
        /// Nil where the section stands in one that is absent.
        let current: @Sendable (Root) -> String?
        /// Takes up the kind with its defaults.
        let choose: @Sendable (String, inout Root) -> Void
        /// The other keys of the kind, empty for a name that no kind has.
        let entries: @Sendable (String) -> [Entry<Root>]
        let contradictions: @Sendable (Root) -> [Contradiction]
    }
}

package typealias Field<Root, Value> = any WritableKeyPath<Root, Value> & Sendable

extension Entry {
    /// - Parameters:
    ///   - required: whether it must be given.
    ///   - stated: whether JSON names it even where it is the default, for whoever reads a file by other means.
    package static func key<Value>(
        _ name: String, _ field: Field<Root, Value>, _ form: ValueForm<Value>, required: Bool = false,
        stated: Bool = false, _ summary: String
    ) -> Entry {
        Entry(
            name: name, summary: summary,
            content: .value(
                Leaf(
                    accepted: form.accepted, isRequired: required, isStated: stated || required,
                    read: { node, root throws(Mismatch) in root[keyPath: field] = try form.read(node) },
                    write: { form.write($0[keyPath: field]) })))
    }

    /// A group's keys in a section of their own.
    package static func section<Part: SettingsGroup>(
        _ name: String, _ field: Field<Root, Part>, _ summary: String
    ) -> Entry {
        let lifted = Part.entries.map { entry -> Entry in
            entry.lifted(
                get: { (root: Root) -> Part? in root[keyPath: field] },
                modify: { (root: inout Root, part: Part) in root[keyPath: field] = part })
        }
        return Entry(
            name: name, summary: summary,
            content: .section(
                Section(entries: lifted, presence: nil, contradictions: { $0[keyPath: field].contradictions() })))
    }

    /// A section that may be absent; its keys start from the group's defaults when it is there.
    package static func optionalSection<Part: SettingsGroup>(
        _ name: String, _ field: Field<Root, Part?>, absent: String, _ summary: String
    ) -> Entry {
        let lifted = Part.entries.map { entry -> Entry in
            entry.lifted(
                get: { (root: Root) -> Part? in root[keyPath: field] },
                modify: { (root: inout Root, part: Part) in root[keyPath: field] = part })
        }
        let presence = Presence(
            absentWord: absent, isPresent: { (root: Root) in root[keyPath: field] != nil },
            setPresent: { (present: Bool, root: inout Root) in
                if !present {
                    root[keyPath: field] = nil
                } else if root[keyPath: field] == nil {
                    root[keyPath: field] = Part()
                }
            })
        return Entry(
            name: name, summary: summary,
            content: .section(
                Section(
                    entries: lifted, presence: presence,
                    contradictions: { $0[keyPath: field]?.contradictions() ?? [] })))
    }

    /// A section whose key `key` picks one of a registry's kinds, and whose other keys are that kind's.
    package static func kinds<Kind: SettingsKind>(
        _ name: String, _ field: Field<Root, Chosen<Kind>>, of registry: Registry<Kind>, key: String,
        _ keySummary: String,
        _ summary: String
    ) -> Entry {
        Entry(
            name: name, summary: summary,
            content: .kinds(
                Kinds(
                    key: key, keySummary: keySummary, names: { registry.names },
                    summary: { name in registry.find(name)?.summary ?? "" },
                    current: { $0[keyPath: field].kind.name },
                    choose: { name, root in
                        if let kind = registry.find(name) { root[keyPath: field] = Chosen(kind) }
                    },
                    entries: { name in
                        guard let kind = registry.find(name) else { return [] }
                        return kind.entries.map { entry in
                            entry.lifted(
                                get: { (root: Root) -> Chosen<Kind>? in root[keyPath: field] },
                                modify: { (root: inout Root, chosen: Chosen<Kind>) in root[keyPath: field] = chosen })
                        }
                    },
                    contradictions: { $0[keyPath: field].settings.contradictions() })))
    }
}
