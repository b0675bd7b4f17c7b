import Settings

/// What an experiment is put together of before any of its keys is read: the keys of the file that it `extends`, its own
/// over those, and the keys of one of its `sizes` over both.
///
/// Only the resolved keys are kept: `extends` and `sizes` stand in no experiment that was read, and in no run.
enum ExperimentLayers {
    /// The key whose value is another file's path, relative to the folder of the file that names it.
    static let extends = "extends"
    /// The section whose keys are names, each of a section with keys of an experiment.
    static let sizes = "sizes"
    /// What a file does not take over from the one that it extends: its name, and what it claims.
    private static let ownKeys = ["name", "claims"]
    /// Files that extend one another, at most: a circle is longer.
    private static let mostFiles = 8

    /// The tree of the experiment at `path` with all that it extends. Throws `SettingsError` for a file that cannot be
    /// read, for a circle, and for a value that is no path.
    static func tree(path: String) throws(SettingsError) -> SettingNode { try tree(path: path, above: []) }

    private static func tree(path: String, above: [String]) throws(SettingsError) -> SettingNode {
        var own = try SettingNode(yaml: try ExperimentFile.text(at: path), file: path)
        guard let base = own.remove(extends) else { return own }
        guard case .scalar(let name, _) = base.content, !name.isEmpty else {
            throw refusal(base, "expected the path of an experiment; \(base.outline) came")
        }
        let file = name.hasPrefix("/") ? name : folder(of: path) + name
        guard above.count < mostFiles - 1, !above.contains(file), file != path else {
            throw refusal(base, "\(file) is extended by itself, or by more than \(mostFiles) files one after the other")
        }
        var whole = try tree(path: file, above: above + [path])
        for key in ownKeys { _ = whole.remove(key) }
        return Experiment.schema.layered(
            own, over: SettingNode(whole.content, origin: own.origin), defaults: Experiment())
    }

    /// Puts the keys of the size of this name in their places, and removes the others. Without a name the experiment is
    /// what its keys say. Throws `SettingsError` for a size that there is not.
    static func choose(_ size: String?, in tree: inout SettingNode) throws(SettingsError) {
        let given = tree.remove(sizes)
        var names: [String] = []
        if let given {
            guard case .section(let members) = given.content else {
                throw refusal(given, "expected a section with a name for each size; \(given.outline) came", key: sizes)
            }
            names = members.map(\.name)
        }
        guard let size else { return }
        guard let keys = given?.value(at: size) else {
            let known = names.isEmpty ? "this experiment has no sizes" : "expected \(names.joined(separator: ", "))"
            throw SettingsError([
                Problem(origin: .flag("--size \(size)"), key: "", message: "there is no such size; \(known)")
            ])
        }
        guard case .section = keys.content else {
            throw refusal(keys, "expected keys of an experiment; \(keys.outline) came", key: "\(sizes).\(size)")
        }
        let name = tree.value(at: "name")
        tree = Experiment.schema.layered(keys, over: tree, defaults: Experiment())
        if case .scalar(let text, let isQuoted)? = name?.content, let name {
            tree.set("name", to: SettingNode(.scalar("\(text)-\(size)", isQuoted: isQuoted), origin: name.origin))
        }
    }

    /// With a slash at its end; empty for a file of the working directory.
    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    private static func refusal(_ node: SettingNode, _ message: String, key: String = extends) -> SettingsError {
        SettingsError([Problem(origin: node.origin, key: key, message: message)])
    }
}
