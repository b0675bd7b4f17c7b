import Yams

/// One key of a section of `Root`, or a section inside it; declared once, used for reading, overriding, writing and
/// documenting.
struct Entry<Root>: Sendable {
    let name: String
    /// One sentence for docs/experiments.md.
    let summary: String
    let content: Content

    indirect enum Content: Sendable {
        case value(Leaf)
        case section(Section)
    }

    struct Leaf: Sendable {
        let accepted: String
        let isRequired: Bool
        let read: @Sendable (Node, inout Root) throws(Mismatch) -> Void
        /// Nil where the value stands in an optional section that is absent.
        let write: @Sendable (Root) -> String?
    }

    struct Section: Sendable {
        let entries: [Entry<Root>]
        /// For a section that may be absent.
        let presence: Presence?
    }

    struct Presence: Sendable {
        /// The scalar that stands for the absent section.
        let absentWord: String
        let isPresent: @Sendable (Root) -> Bool
        let setPresent: @Sendable (Bool, inout Root) -> Void
    }
}

typealias Field<Root, Value> = any WritableKeyPath<Root, Value> & Sendable

extension Entry {
    static func key<Value>(
        _ name: String, _ field: Field<Root, Value>, _ form: ValueForm<Value>, required: Bool = false, _ summary: String
    ) -> Entry {
        Entry(
            name: name, summary: summary,
            content: .value(
                Leaf(
                    accepted: form.accepted, isRequired: required,
                    read: { node, root throws(Mismatch) in root[keyPath: field] = try form.read(node) },
                    write: { form.write($0[keyPath: field]) })))
    }

    /// Entries that stand in the same section but are fields of a value of their own.
    static func group<Part>(_ field: Field<Root, Part>, _ entries: [Entry<Part>]) -> [Entry] {
        entries.map { entry -> Entry in
            entry.lifted(
                get: { (root: Root) -> Part? in root[keyPath: field] },
                modify: { (root: inout Root, part: Part) in root[keyPath: field] = part })
        }
    }

    static func section<Part>(
        _ name: String, _ field: Field<Root, Part>, _ entries: [Entry<Part>], _ summary: String
    ) -> Entry {
        Entry(
            name: name, summary: summary, content: .section(Section(entries: group(field, entries), presence: nil)))
    }

    /// A section that may be absent; its keys start from `initial` when it is there.
    static func optionalSection<Part: Sendable>(
        _ name: String, _ field: Field<Root, Part?>, initial: Part, absent: String, _ entries: [Entry<Part>],
        _ summary: String
    ) -> Entry {
        let lifted = entries.map { entry -> Entry in
            entry.lifted(
                get: { (root: Root) -> Part? in root[keyPath: field] },
                modify: { (root: inout Root, part: Part) in root[keyPath: field] = part })
        }
        return Entry(
            name: name, summary: summary,
            content: .section(
                Section(
                    entries: lifted,
                    presence: Presence(
                        absentWord: absent, isPresent: { (root: Root) in root[keyPath: field] != nil },
                        setPresent: { (present: Bool, root: inout Root) in
                            if !present {
                                root[keyPath: field] = nil
                            } else if root[keyPath: field] == nil {
                                root[keyPath: field] = initial
                            }
                        }))))
    }

    /// The same entry seen from a value that contains `Root`. Precondition: an entry below an optional section is read
    /// only after `setPresent(true)`.
    private func lifted<Whole>(
        get: @escaping @Sendable (Whole) -> Root?, modify: @escaping @Sendable (inout Whole, Root) -> Void
    ) -> Entry<Whole> {
        switch content {
        case .value(let leaf):
            return Entry<Whole>(
                name: name, summary: summary,
                content: .value(
                    Entry<Whole>.Leaf(
                        accepted: leaf.accepted, isRequired: leaf.isRequired,
                        read: { node, whole throws(Mismatch) in
                            guard var part = get(whole) else { preconditionFailure("a key of an absent section") }
                            try leaf.read(node, &part)
                            modify(&whole, part)
                        },
                        write: { whole in get(whole).flatMap(leaf.write) })))
        case .section(let section):
            let presence = section.presence.map { presence in
                Entry<Whole>.Presence(
                    absentWord: presence.absentWord,
                    isPresent: { get($0).map(presence.isPresent) ?? false },
                    setPresent: { present, whole in
                        guard var part = get(whole) else { return }
                        presence.setPresent(present, &part)
                        modify(&whole, part)
                    })
            }
            return Entry<Whole>(
                name: name, summary: summary,
                content: .section(
                    Entry<Whole>.Section(
                        entries: section.entries.map { $0.lifted(get: get, modify: modify) }, presence: presence)))
        }
    }
}
