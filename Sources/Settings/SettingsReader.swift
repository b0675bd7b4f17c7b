/// Reads a tree of values into a `Root`, key by key; goes on after an error, so that all of them are told at once.
///
/// Use: `override` for each `--set`, `read` once, then `result`. A reader is for one tree and belongs to its caller.
package struct SettingsReader<Root> {
    private let schema: Schema<Root>
    /// Changes key by key; thrown away where anything was refused.
    private var root: Root
    /// In the order in which they were found, overrides first.
    package private(set) var problems: [Problem] = []
    /// The origin of each value or section that was given, by the key's path.
    private var origins: [String: Origin] = [:]

    /// `initial`: what a key that is not given keeps, usually `Root()`.
    package init(_ schema: Schema<Root>, initial: Root) {
        self.schema = schema
        root = initial
    }

    /// Takes over every key of `node` and notes what is refused, unknown keys and missing required ones. Never throws:
    /// `result` does.
    ///
    /// Call it once: a second tree would be read over the first, and missing keys be reported twice.
    package mutating func read(_ node: SettingNode) {
        read(schema.entries, of: node, path: "") { _, _ in nil }
        requireKeys(schema.entries, path: "", origin: node.origin)
    }

    /// Lets the owner find out what the settings leave open, where nothing was refused so far. What it throws becomes a
    /// problem of the key `path`.
    package mutating func complete(_ path: String, _ body: (inout Root) throws -> Void) {
        guard problems.isEmpty else { return }
        do { try body(&root) } catch { report(origins[path] ?? .text("the settings"), path, "\(error)") }
    }

    /// The settings that were read. Throws `SettingsError` for everything that was refused or, where nothing was, for
    /// values that contradict each other: `contradictions` is asked for those of the whole.
    ///
    /// The whole's owner is asked before the sections' owners. A contradiction's origin is the first of its keys that
    /// was given.
    package func result(_ contradictions: (Root) -> [Contradiction]) throws(SettingsError) -> Root {
        guard problems.isEmpty else { throw SettingsError(problems) }
        let impossible = (contradictions(root) + schema.contradictions(of: root)).map { contradiction in
            Problem(contradiction, origin: contradiction.keys.lazy.compactMap { origins[$0] }.first)
        }
        guard impossible.isEmpty else { throw SettingsError(impossible) }
        return root
    }

    /// Puts the value of an override into the tree that is to be read. `path` is the key's, such as `collect.actors`;
    /// the value's origin says by what flag it came. Says nothing of the value itself: reading does.
    ///
    /// An unknown path becomes a problem with a suggestion, and the tree stays as it was.
    package mutating func override(_ path: String, with value: SettingNode, in tree: inout SettingNode) {
        let names = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard schema.has(names[...]) else {
            report(value.origin, path, "there is no such key" + suggestion(forPath: path))
            return
        }
        tree.set(names[...], to: value)
    }

    /// Adds a problem that the caller has found by itself, for example a `--set` that is not KEY=VALUE.
    package mutating func report(_ origin: Origin, _ key: String, _ message: String) {
        problems.append(Problem(origin: origin, key: key, message: message))
    }

    /// `explanation`: what to say of a key that does not exist, where the caller knows more than that.
    ///
    /// Goes through the members in the file's order, so that errors come in the file's order too.
    private mutating func read(
        _ entries: [Entry<Root>], of node: SettingNode, path: String, explanation: (String, [String]) -> String?
    ) {
        let names = entries.map(\.name)
        guard case .section(let members) = node.content else {
            let keys = names.joined(separator: ", ")
            report(node.origin, path, "expected a section with the keys \(keys); \(node.outline) came")
            return
        }
        for member in members {
            if let entry = entries.first(where: { $0.name == member.name }) {
                read(entry, member.value, path: keyPath(path, member.name))
            } else {
                let message = explanation(member.name, names) ?? unknownKey(member.name, among: names)
                report(member.origin, keyPath(path, member.name), message)
            }
        }
    }

    /// Suggests up to three keys of this section, then lists all.
    private func unknownKey(_ name: String, among names: [String]) -> String {
        let close = nearest(to: name, among: names).map { "'\($0)'" }.joined(separator: " or ")
        return "there is no such key" + (close.isEmpty ? "" : "; did you mean \(close)?") + " Accepted here: "
            + names.joined(separator: ", ")
    }

    /// Notes the origin even where the value is refused, so that a required key that was given wrongly is not called
    /// missing as well.
    private mutating func read(_ entry: Entry<Root>, _ node: SettingNode, path: String) {
        origins[path] = node.origin
        switch entry.content {
        case .value(let leaf):
            do throws(Mismatch) {
                try leaf.read(node, &root)
            } catch {
                guard !error.problems.isEmpty else {
                    return report(node.origin, path, error.message(accepted: leaf.accepted))
                }
                problems += error.problems.map { $0.below(path) }
            }
        case .section(let section):
            if let presence = section.presence {
                let isAbsent = node.isWord(presence.absentWord)
                presence.setPresent(!isAbsent, &root)
                if isAbsent { return }
            }
            read(section.entries, of: node, path: path) { _, _ in nil }
        case .kinds(let kinds): read(kinds, node, path: path)
        }
    }

    /// The key that picks the kind is read first, wherever it stands.
    ///
    /// A key that another kind has gets an explanation of its own, naming the kinds that have it.
    private mutating func read(_ kinds: Entry<Root>.Kinds, _ node: SettingNode, path: String) {
        if case .section(let members) = node.content, let picking = members.first(where: { $0.name == kinds.key }) {
            let problemsBefore = problems.count
            let entry = Entry<Root>(name: kinds.key, summary: "", content: .value(kinds.leaf))
            read(entry, picking.value, path: keyPath(path, kinds.key))
            // The keys of an unknown kind are unknown, so that none of them can be judged.
            guard problems.count == problemsBefore else { return }
        }
        guard let kind = kinds.current(root) else { return }
        read(kinds.allEntries(kind), of: node, path: path) { name, names in
            let others = kinds.names().filter { other in kinds.entries(other).contains { $0.name == name } }
            guard !others.isEmpty else { return nil }
            return "\(kind) has no such key, only \(others.joined(separator: " and ")) "
                + "\(others.count == 1 ? "has" : "have"). Accepted here: \(names.joined(separator: ", "))"
        }
    }

    /// After reading, because whether a section is present and which kind was picked is known only then.
    private mutating func requireKeys(_ entries: [Entry<Root>], path: String, origin: Origin) {
        for entry in entries {
            let path = keyPath(path, entry.name)
            switch entry.content {
            case .value(let leaf):
                if leaf.isRequired, origins[path] == nil {
                    report(origin, path, "this key is missing; expected \(leaf.accepted)")
                }
            case .section(let section):
                if section.presence.map({ $0.isPresent(root) }) ?? true {
                    requireKeys(section.entries, path: path, origin: origin)
                }
            case .kinds(let kinds):
                requireKeys(kinds.current(root).map(kinds.entries) ?? [], path: path, origin: origin)
            }
        }
    }

    /// Keys whose last part is the same come first, then those that are spelt nearly so.
    ///
    /// At most three; the page with all keys where nothing is near.
    private func suggestion(forPath path: String) -> String {
        let paths = schema.leafPaths
        let last = path.split(separator: ".").last.map(String.init) ?? path
        let sameLast = paths.filter { $0.hasSuffix("." + last) }
        let close = sameLast.isEmpty ? nearest(to: path, among: paths) : Array(sameLast.prefix(3))
        return close.isEmpty
            ? "; docs/experiments.md lists all keys"
            : "; did you mean \(close.map { "'\($0)'" }.joined(separator: " or "))?"
    }
}
