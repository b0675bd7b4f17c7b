/// All keys of a `Root`, and what can be done with one of its values by them: find what is wrong, list, write and
/// document.
///
/// It holds no value and costs nothing to make anew. Reading is `SettingsReader`'s.
package struct Schema<Root>: Sendable {
    let entries: [Entry<Root>]

    /// Names must differ within a section; nothing checks that.
    package init(_ entries: [Entry<Root>]) { self.entries = entries }

    /// Values of `root` that their own keys would refuse: each is written out and read again. This is how settings that
    /// were made in code are held to the ranges that a file is held to.
    ///
    /// One problem for each value at most, without an origin.
    func problems(of root: Root) -> [Problem] {
        var problems: [Problem] = []
        forEachValue(of: root) { path, leaf, value in
            var copy = root
            do throws(Mismatch) {
                try leaf.read(value.node(Origin.text("")), &copy)
            } catch {
                problems +=
                    error.problems.isEmpty
                    ? [Problem(origin: nil, key: path, message: error.message(accepted: leaf.accepted))]
                    : error.problems.map { $0.below(path) }
            }
        }
        return problems
    }

    /// What the owners of all sections say of their values together, with the sections' paths; the owner of the whole
    /// is asked by the caller. To be asked only where every value is in its own range.
    ///
    /// Keys get their section's path in front: `actors` of `collect` becomes `collect.actors`.
    package func contradictions(of root: Root) -> [Contradiction] { contradictions(entries, root, path: "") }

    /// Of the kinds, only the one that is picked is asked.
    private func contradictions(_ entries: [Entry<Root>], _ root: Root, path: String) -> [Contradiction] {
        entries.flatMap { entry -> [Contradiction] in
            let path = keyPath(path, entry.name)
            switch entry.content {
            case .value: return []
            case .section(let section):
                return section.contradictions(root).map { $0.below(path) }
                    + contradictions(section.entries, root, path: path)
            case .kinds(let kinds):
                return kinds.contradictions(root).map { $0.below(path) }
                    + contradictions(kinds.current(root).map(kinds.entries) ?? [], root, path: path)
            }
        }
    }

    /// Every key's path with its value, in the order of declaration; an absent section is one of them, under its own
    /// path and with its word.
    ///
    /// A report's table of settings has them, key by key.
    package func values(of root: Root) -> [(key: String, value: SettingText)] {
        var values: [(key: String, value: SettingText)] = []
        forEachValue(of: root, absent: { values.append(($0, .absent($1))) }) { path, _, value in
            values.append((path, value))
        }
        return values
    }

    /// The values that differ from those of `defaults`, and required ones, as a section with a section in it for each
    /// section: for lists of groups.
    func text(_ root: Root, defaults: Root) -> SettingText { .section(members(entries, root, defaults)) }

    private func members(_ entries: [Entry<Root>], _ root: Root, _ defaults: Root) -> [SettingText.Member] {
        entries.compactMap { entry in
            switch entry.content {
            case .value(let leaf):
                guard let value = leaf.write(root), leaf.isRequired || value != leaf.write(defaults) else { return nil }
                return SettingText.Member(entry.name, value)
            case .section(let section):
                if let presence = section.presence, !presence.isPresent(root) {
                    return presence.isPresent(defaults)
                        ? SettingText.Member(entry.name, .absent(presence.absentWord)) : nil
                }
                let inner = members(section.entries, root, defaults)
                return inner.isEmpty ? nil : SettingText.Member(entry.name, .section(inner))
            case .kinds(let kinds):
                let inner = members(kinds.current(root).map(kinds.allEntries) ?? [], root, defaults)
                return inner.isEmpty ? nil : SettingText.Member(entry.name, .section(inner))
            }
        }
    }

    /// Sections are walked in the order of declaration; `absent` gets the path and word of each absent section.
    private func forEachValue(
        of root: Root, absent: (String, String) -> Void = { _, _ in },
        _ body: (String, Entry<Root>.Leaf, SettingText) -> Void
    ) {
        forEachValue(entries, root, path: "", absent, body)
    }

    /// `path` is that of the section whose entries these are.
    private func forEachValue(
        _ entries: [Entry<Root>], _ root: Root, path: String, _ absent: (String, String) -> Void,
        _ body: (String, Entry<Root>.Leaf, SettingText) -> Void
    ) {
        for entry in entries {
            let path = keyPath(path, entry.name)
            switch entry.content {
            case .value(let leaf):
                if let value = leaf.write(root) { body(path, leaf, value) }
            case .section(let section):
                if let presence = section.presence, !presence.isPresent(root) {
                    absent(path, presence.absentWord)
                } else {
                    forEachValue(section.entries, root, path: path, absent, body)
                }
            case .kinds(let kinds):
                forEachValue(kinds.current(root).map(kinds.allEntries) ?? [], root, path: path, absent, body)
            }
        }
    }

    /// Two trees as one: the keys of `upper` over those of `lower`, section by section. Where `upper` picks another kind
    /// than `lower` has, the keys of `lower`'s kind are left out: they are not those of the other.
    package func layered(_ upper: SettingNode, over lower: SettingNode, defaults: Root) -> SettingNode {
        var whole = lower
        for (path, key, usual) in kinds(entries, defaults, path: "") {
            guard let picked = upper.value(at: "\(path).\(key)")?.outline else { continue }
            if picked != (lower.value(at: "\(path).\(key)")?.outline ?? "'\(usual)'") { _ = whole.remove(path) }
        }
        whole.join(upper)
        return whole
    }

    /// Sections that have kinds: path, the key that picks, and the name of the kind that is picked by default.
    private func kinds(
        _ entries: [Entry<Root>], _ defaults: Root, path: String
    ) -> [(path: String, key: String, usual: String)] {
        entries.flatMap { entry -> [(path: String, key: String, usual: String)] in
            let path = keyPath(path, entry.name)
            switch entry.content {
            case .value: return []
            case .section(let section): return kinds(section.entries, defaults, path: path)
            case .kinds(let kinds): return [(path, kinds.key, kinds.current(defaults) ?? "")]
            }
        }
    }

    /// The paths of all keys of all kinds, each once, for example `collect.actors`.
    ///
    /// For suggestions: a misspelt `--set` is compared with all of them.
    var leafPaths: [String] { entries.leafPaths(below: "") }

    /// Whether a key or a section has this path, in any of the kinds that could be picked.
    ///
    /// Checked before the kind is known, because `--set` may change the kind too.
    func has(_ path: ArraySlice<String>) -> Bool { entries.has(path) }
}

extension Mismatch {
    /// The sentence of an error: what was expected and what came, as in `expected integer, 5 to 101; 200 came (out of
    /// range)`.
    ///
    /// `accepted` is the form's own sentence, so that a range is written in one place.
    func message(accepted: String) -> String {
        "expected \(accepted); \(came) came" + (reason.map { " (\($0))" } ?? "")
    }
}

extension Array {
    /// A key that several kinds have is listed once.
    fileprivate func leafPaths<Root>(below path: String) -> [String] where Element == Entry<Root> {
        var found: [String] = []
        for entry in self {
            let path = keyPath(path, entry.name)
            let inner = entry.inner
            found += inner.isEmpty ? [path] : inner.leafPaths(below: path)
        }
        var seen: Set<String> = []
        return found.filter { seen.insert($0).inserted }
    }

    /// True for an empty path: the section itself.
    fileprivate func has<Root>(_ path: ArraySlice<String>) -> Bool where Element == Entry<Root> {
        guard let name = path.first else { return true }
        return contains { $0.name == name && (path.count == 1 || $0.inner.has(path.dropFirst())) }
    }
}

extension Entry {
    /// The keys inside this section, of all kinds; none in a value.
    fileprivate var inner: [Entry<Root>] {
        switch content {
        case .value: []
        case .section(let section): section.entries
        case .kinds(let kinds):
            [Entry(name: kinds.key, summary: kinds.keySummary, content: .value(kinds.leaf))]
                + kinds.names().flatMap(kinds.entries)
        }
    }
}

/// The path of the key `name` in the section at `path`.
///
/// Paths are what errors, `--set` and docs/experiments.md call a key.
func keyPath(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
