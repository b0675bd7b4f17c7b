import Yams

/// Reads a YAML tree into a `Root`, key by key; goes on after an error, so that all of them are told at once.
struct SchemaReader<Root> {
    let entries: [Entry<Root>]
    private(set) var root: Root
    private(set) var problems: [Problem] = []
    /// Where each value or section that was given was given, by the key's path.
    private(set) var origins: [String: Origin] = [:]

    init(entries: [Entry<Root>], initial: Root) {
        self.entries = entries
        self.root = initial
    }

    mutating func read(_ node: Node, file: String) {
        read(section: entries, of: node, path: "") { .file(file, line: $0.mark?.line ?? 1) }
        requireKeys(entries, path: "", file: file)
    }

    /// `assignment` is KEY=VALUE with a value in YAML; `flag` is what to call it in an error.
    mutating func override(_ assignment: String, flag: String) {
        let origin = Origin.flag(flag)
        guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
            report(origin, "", "expected KEY=VALUE, for example collect.actors=100")
            return
        }
        let path = String(assignment[..<equals])
        let text = String(assignment[assignment.index(after: equals)...])
        if let excess = YAMLBounds.excess(in: text) {
            report(origin, path, excess.message)
            return
        }
        let node: Node
        do {
            node = try Yams.compose(yaml: text) ?? Node("")
        } catch {
            report(origin, path, "'\(text)' is not valid YAML")
            return
        }
        var entry: Entry<Root>?
        var level = entries
        var walked = ""
        for part in path.split(separator: ".", omittingEmptySubsequences: false) {
            guard let next = level.first(where: { $0.name == part }) else {
                report(origin, path, "there is no such key" + suggestion(forPath: path))
                return
            }
            walked = keyPath(walked, next.name)
            level = []
            if case .section(let section) = next.content {
                if walked != path { section.presence?.setPresent(true, &root) }
                level = section.entries
            }
            entry = next
        }
        guard let entry else { return }
        read(entry, node, path: path) { _ in origin }
    }

    private mutating func read(
        section entries: [Entry<Root>], of node: Node, path: String, origin: (Node) -> Origin
    ) {
        guard case .mapping(let mapping) = node else {
            let names = entries.map(\.name).joined(separator: ", ")
            report(origin(node), path, "expected a section with the keys \(names); \(node.outline) came")
            return
        }
        for (keyNode, value) in mapping {
            let name = keyNode.string ?? keyNode.outline
            guard let entry = entries.first(where: { $0.name == name }) else {
                let names = entries.map(\.name)
                let close = nearest(to: name, among: names).map { "'\($0)'" }.joined(separator: " or ")
                report(
                    origin(keyNode), keyPath(path, name),
                    "there is no such key" + (close.isEmpty ? "" : "; did you mean \(close)?") + " Accepted here: "
                        + names.joined(separator: ", "))
                continue
            }
            read(entry, value, path: keyPath(path, name), origin: origin)
        }
    }

    private mutating func read(_ entry: Entry<Root>, _ node: Node, path: String, origin: (Node) -> Origin) {
        origins[path] = origin(node)
        switch entry.content {
        case .value(let leaf):
            do {
                try leaf.read(node, &root)
            } catch {
                let reason = error.reason.map { " (\($0))" } ?? ""
                report(origin(node), path, "expected \(leaf.accepted); \(error.came) came\(reason)")
            }
        case .section(let section):
            if let presence = section.presence {
                if case .scalar(let scalar) = node, scalar.string == presence.absentWord {
                    presence.setPresent(false, &root)
                    return
                }
                presence.setPresent(true, &root)
            }
            read(section: section.entries, of: node, path: path, origin: origin)
        }
    }

    private mutating func requireKeys(_ entries: [Entry<Root>], path: String, file: String) {
        for entry in entries {
            let path = keyPath(path, entry.name)
            switch entry.content {
            case .value(let leaf):
                if leaf.isRequired, origins[path] == nil {
                    report(.file(file, line: 1), path, "this key is missing; expected \(leaf.accepted)")
                }
            case .section(let section): requireKeys(section.entries, path: path, file: file)
            }
        }
    }

    private mutating func report(_ origin: Origin, _ key: String, _ message: String) {
        problems.append(Problem(origin: origin, key: key, message: message))
    }

    /// Keys whose last part is the same come first, then those that are spelt nearly so.
    private func suggestion(forPath path: String) -> String {
        let paths = entries.leafPaths()
        let last = path.split(separator: ".").last.map(String.init) ?? path
        let sameLast = paths.filter { $0.hasSuffix("." + last) }
        let close = sameLast.isEmpty ? nearest(to: path, among: paths) : Array(sameLast.prefix(3))
        return close.isEmpty
            ? "; docs/experiments.md lists all keys"
            : "; did you mean \(close.map { "'\($0)'" }.joined(separator: " or "))?"
    }
}

extension Array {
    /// The paths of all keys, for example `collect.actors`.
    func leafPaths<Root>(below path: String = "") -> [String] where Element == Entry<Root> {
        flatMap { entry -> [String] in
            switch entry.content {
            case .value: [keyPath(path, entry.name)]
            case .section(let section): section.entries.leafPaths(below: keyPath(path, entry.name))
            }
        }
    }
}

/// The path of the key `name` in the section at `path`.
func keyPath(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
