import Settings
import Yams

extension SettingNode {
    /// Reads text as a tree of settings that still knows the line of every value. `file` is what to call the text in
    /// errors. Throws `SettingsError` for what is not YAML, empty or beyond `YAMLBounds`, which are checked before the
    /// tree is built.
    init(yaml: String, file: String) throws(SettingsError) {
        if let (line, message) = YAMLBounds.excess(in: yaml) {
            throw SettingsError([Problem(origin: .file(file, line: line), key: "", message: message)])
        }
        let composed: Node?
        do {
            composed = try Yams.compose(yaml: yaml)
        } catch {
            throw SettingsError([problem(of: error, file: file)])
        }
        guard let composed else {
            throw SettingsError([Problem(origin: .file(file, line: 1), key: "", message: "the file is empty")])
        }
        self.init(composed) { .file(file, line: $0.mark?.line ?? 1) }
    }

    /// Copies a tree of Yams. `origin` says where a node was given: a line of a file, or a flag. Scalars remember
    /// whether they were quoted: text in quotes is told from a number. A key that is not a scalar is named by its
    /// outline, so that the reader can refuse it by name.
    init(_ node: Node, origin: (Node) -> Origin) {
        let content: Content =
            switch node {
            case .scalar(let scalar):
                .scalar(scalar.string, isQuoted: scalar.style != .any && scalar.style != .plain)
            case .sequence(let items): .list(items.map { SettingNode($0, origin: origin) })
            case .mapping(let members):
                .section(
                    members.map { key, value in
                        Member(
                            name: key.string ?? SettingNode(key, origin: origin).outline, origin: origin(key),
                            value: SettingNode(value, origin: origin))
                    })
            // The composer has put what aliases stand for in their places.
            case .alias(let alias): .scalar("*\(alias.anchor.rawValue)", isQuoted: false)
            }
        self.init(content, origin: origin(node))
    }
}

/// What Yams found wrong, with the line of the text where Yams knows one and line 1 otherwise.
private func problem(of error: any Error, file: String) -> Problem {
    func at(_ line: Int, _ message: String) -> Problem {
        Problem(origin: .file(file, line: line), key: "", message: message)
    }
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        return at(mark.line, "not valid YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
        return at(context.mark.line, "given twice: \(duplicates.joined(separator: ", "))")
    default:
        return at(1, "not valid YAML: \(error)")
    }
}
