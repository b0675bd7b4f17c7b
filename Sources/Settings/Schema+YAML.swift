extension Schema {
    /// `root` as an experiment file, every key with its value. Reading it gives an equal value. A run keeps this text
    /// as its experiment.yaml, so that a default that changes later does not change what was run.
    ///
    /// Comments of the file that was read are not kept. An absent optional section is written with its word.
    package func yaml(_ root: Root) -> String {
        var text = ""
        write(entries, root, indentation: "", into: &text)
        return text
    }

    /// Keys in the order of declaration, two spaces for each level.
    private func write(_ entries: [Entry<Root>], _ root: Root, indentation: String, into text: inout String) {
        for entry in entries {
            switch entry.content {
            case .value(let leaf):
                if let value = leaf.write(root) { text += line(entry.name, value, indentation) }
            case .section(let section):
                if let presence = section.presence, !presence.isPresent(root) {
                    text += "\(indentation)\(entry.name): \(presence.absentWord)\n"
                } else {
                    text += "\(indentation)\(entry.name):\n"
                    write(section.entries, root, indentation: indentation + "  ", into: &text)
                }
            case .kinds(let kinds):
                text += "\(indentation)\(entry.name):\n"
                let inner = kinds.current(root).map(kinds.allEntries) ?? []
                write(inner, root, indentation: indentation + "  ", into: &text)
            }
        }
    }

    /// A list of sections has a line for each of them.
    private func line(_ name: String, _ value: SettingText, _ indentation: String) -> String {
        guard case .list(let items) = value, items.contains(where: { if case .section = $0 { true } else { false } })
        else { return "\(indentation)\(name): \(value.yaml)\n" }
        return "\(indentation)\(name):\n" + items.map { "\(indentation)  - \($0.yaml)\n" }.joined()
    }
}
