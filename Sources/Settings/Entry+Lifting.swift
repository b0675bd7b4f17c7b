extension Entry {
    /// The same entry seen from a value that contains `Root`: how the keys of a group become keys of the group around
    /// it.
    ///
    /// Precondition: an entry below an optional section is read only after `setPresent(true)`.
    ///
    /// - Parameters:
    ///   - get: the part, or nil where the section that it stands in is absent.
    ///   - modify: puts a changed part back.
    ///
    /// Lifting nests: the entries of a group inside a group are lifted twice, and hold two pairs of closures. No value
    /// is copied until one is read or written.
    func lifted<Whole>(
        get: @escaping @Sendable (Whole) -> Root?, modify: @escaping @Sendable (inout Whole, Root) -> Void
    ) -> Entry<Whole> {
        let content: Entry<Whole>.Content =
            switch self.content {
            case .value(let leaf): .value(leaf.lifted(get: get, modify: modify))
            case .section(let section): .section(section.lifted(get: get, modify: modify))
            case .kinds(let kinds): .kinds(kinds.lifted(get: get, modify: modify))
            }
        return Entry<Whole>(name: name, summary: summary, content: content)
    }
}

extension Entry.Leaf {
    /// Reads into a copy of the part and puts it back only when the value was accepted.
    fileprivate func lifted<Whole>(
        get: @escaping @Sendable (Whole) -> Root?, modify: @escaping @Sendable (inout Whole, Root) -> Void
    ) -> Entry<Whole>.Leaf {
        Entry<Whole>.Leaf(
            accepted: accepted, isRequired: isRequired, isStated: isStated,
            read: { node, whole throws(Mismatch) in
                guard var part = get(whole) else { preconditionFailure("a key of an absent section") }
                try read(node, &part)
                modify(&whole, part)
            },
            write: { whole in get(whole).flatMap(write) })
    }
}

extension Entry.Section {
    /// An optional section inside an optional section exists only where the outer one does.
    fileprivate func lifted<Whole>(
        get: @escaping @Sendable (Whole) -> Root?, modify: @escaping @Sendable (inout Whole, Root) -> Void
    ) -> Entry<Whole>.Section {
        let lifted = presence.map { presence in
            Entry<Whole>.Presence(
                absentWord: presence.absentWord, isPresent: { get($0).map(presence.isPresent) ?? false },
                setPresent: { present, whole in
                    guard var part = get(whole) else { return }
                    presence.setPresent(present, &part)
                    modify(&whole, part)
                })
        }
        return Entry<Whole>.Section(
            entries: entries.map { $0.lifted(get: get, modify: modify) }, presence: lifted,
            contradictions: { get($0).map(contradictions) ?? [] })
    }
}

extension Entry.Kinds {
    /// The names of the kinds do not depend on the whole and are passed on as they are.
    fileprivate func lifted<Whole>(
        get: @escaping @Sendable (Whole) -> Root?, modify: @escaping @Sendable (inout Whole, Root) -> Void
    ) -> Entry<Whole>.Kinds {
        Entry<Whole>.Kinds(
            key: key, keySummary: keySummary, names: names, summary: summary, current: { get($0).flatMap(current) },
            choose: { name, whole in
                guard var part = get(whole) else { return }
                choose(name, &part)
                modify(&whole, part)
            },
            entries: { name in entries(name).map { $0.lifted(get: get, modify: modify) } },
            contradictions: { get($0).map(contradictions) ?? [] })
    }
}

extension Entry.Kinds {
    /// The key that picks the kind, as a value of its own. Naming the kind that is already picked keeps its settings.
    ///
    /// Refuses a name that no kind has with the list of those that there are.
    var leaf: Entry.Leaf {
        let names = names()
        let form = ValueForm<String>.choice(names.map { ($0, $0) })
        return Entry.Leaf(
            accepted: form.accepted, isRequired: false, isStated: true,
            read: { node, root throws(Mismatch) in
                let name = try form.read(node)
                if current(root) != name { choose(name, &root) }
            },
            write: { current($0).map { .text($0) } })
    }

    /// All keys with `name` as the kind, the one that picks it first.
    ///
    /// What reading, writing and documenting go through for one kind.
    func allEntries(_ name: String) -> [Entry<Root>] {
        [Entry<Root>(name: key, summary: keySummary, content: .value(leaf))] + entries(name)
    }
}
