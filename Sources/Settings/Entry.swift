/// One key of a section of `Root`, or a section inside it; declared once, by the owner of the value that it sets, and
/// used for reading, overriding, writing, checking and documenting.
///
/// Made by `key`, `section`, `optionalSection` and `kinds`. An entry holds no value: it knows how to read one into a
/// `Root` and how to write one out, so that the same list serves every `Root`. It names its field by a key path,
/// therefore a field that is renamed cannot lose its key.
package struct Entry<Root>: Sendable {
    /// The key as experiment files and JSON spell it, in snake case: `rollout_length`. One part of a path, without
    /// dots.
    package let name: String
    /// One sentence for docs/experiments.md.
    let summary: String
    /// Closures over `Root`; two entries cannot be compared.
    let content: Content

    /// What stands behind the name: a single value, a section, or a section whose keys depend on a choice.
    indirect enum Content: Sendable {
        case value(Leaf)
        case section(Section)
        case kinds(Kinds)
    }

    /// A key with a single value, its type erased: `ValueForm` and the field are inside the closures.
    struct Leaf: Sendable {
        /// From the `ValueForm`, for errors and tables: `integer, 1 to 4096`.
        let accepted: String
        /// Whether a tree without this key is refused. Its default is then only a placeholder until the key is read.
        let isRequired: Bool
        /// Whether JSON has it though it is the default.
        let isStated: Bool
        /// Sets the field from a node. Throws `Mismatch`, and leaves `Root` as it was, for a value of another type or
        /// out of range.
        let read: @Sendable (SettingNode, inout Root) throws(Mismatch) -> Void
        /// Nil where the value stands in a section that is absent.
        let write: @Sendable (Root) -> SettingText?
    }

    /// Keys under a name of their own. The entries are already lifted: they read into `Root` and not into the section's
    /// group.
    struct Section: Sendable {
        /// In the order of the documentation, which is also that of YAML.
        let entries: [Entry<Root>]
        /// For a section that may be absent.
        let presence: Presence?
        /// What the section's owner says of its values together; keys are below the section. Nothing where the section
        /// is absent.
        let contradictions: @Sendable (Root) -> [Contradiction]
    }

    /// What an optional section has beyond its keys: a word in its place (`converged: none`) and how to make it come
    /// and go.
    struct Presence: Sendable {
        /// The scalar that stands for the absent section.
        let absentWord: String
        /// False wherever the section that contains it is absent too.
        let isPresent: @Sendable (Root) -> Bool
        /// False makes the field nil. True gives it the group's defaults where it was nil, and keeps its values where
        /// it was not.
        let setPresent: @Sendable (Bool, inout Root) -> Void
    }

    /// A section whose keys are those of the kind that one of them picks.
    struct Kinds: Sendable {
        /// The key that picks: `name`.
        let key: String
        /// One sentence on the key that picks, for docs/experiments.md.
        let keySummary: String
        /// Names of all kinds, asked anew each time because a program may add some.
        let names: @Sendable () -> [String]
        /// One sentence on what the kind is.
        let summary: @Sendable (String) -> String
        /// Nil where the section stands in one that is absent.
        let current: @Sendable (Root) -> String?
        /// Takes up the kind with its defaults.
        let choose: @Sendable (String, inout Root) -> Void
        /// The other keys of the kind, empty for a name that no kind has.
        let entries: @Sendable (String) -> [Entry<Root>]
        /// As `Section.contradictions`, of the kind that is picked.
        let contradictions: @Sendable (Root) -> [Contradiction]
    }
}

/// A key path to a stored setting. `Sendable`, because entries are shared by all threads as static constants.
package typealias Field<Root, Value> = any WritableKeyPath<Root, Value> & Sendable

extension Entry {
    /// A key with one value.
    ///
    /// - Parameters:
    ///   - required: whether it must be given. A required key is also written to JSON always.
    ///   - stated: whether JSON names it even where it is the default, for programs that read a file without our
    ///     defaults.
    ///   - summary: one sentence with a full stop, for docs/experiments.md.
    ///
    /// `name` must not occur twice in a section; nothing checks that, and the first would win. `summary` is part of a
    /// generated page, so that a change of it changes docs/experiments.md.
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

    /// A group's keys in a section of their own. The section is always there: without it in the file its values are the
    /// group's. The group's contradictions are told with the section's name in front of their keys.
    ///
    /// `field` is the group's place in `Root`. A group may stand in several sections, each with its own values.
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
    ///
    /// - Parameter absent: the word that leaves the section out. An unquoted `null` does so too.
    ///
    /// `converged: none` in a file makes the field nil; any key below the section makes it the group's defaults with
    /// that key.
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
    ///
    /// The registry is asked whenever the entry is used, and not when it is made: kinds that a program adds at its
    /// start are accepted. Choosing another kind drops the settings of the one before.
    ///
    /// Several settings of one kind may be read in any order: the key that picks is found first.
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
