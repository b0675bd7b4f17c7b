/// Writes a value back as YAML, every key with its value, and as the table of docs/experiments.md.
struct SchemaWriter<Root> {
    let entries: [Entry<Root>]

    func yaml(_ root: Root) -> String {
        var text = ""
        write(entries, root, indentation: "", into: &text)
        return text
    }

    private func write(_ entries: [Entry<Root>], _ root: Root, indentation: String, into text: inout String) {
        for entry in entries {
            switch entry.content {
            case .value(let leaf):
                if let value = leaf.write(root) { text += "\(indentation)\(entry.name): \(value)\n" }
            case .section(let section):
                if let presence = section.presence, !presence.isPresent(root) {
                    text += "\(indentation)\(entry.name): \(presence.absentWord)\n"
                } else {
                    text += "\(indentation)\(entry.name):\n"
                    write(section.entries, root, indentation: indentation + "  ", into: &text)
                }
            }
        }
    }

    /// Keys' paths and their values; an absent section is one line.
    func settings(_ root: Root) -> [(key: String, value: String)] { settings(entries, root, path: "") }

    private func settings(_ entries: [Entry<Root>], _ root: Root, path: String) -> [(key: String, value: String)] {
        entries.flatMap { entry -> [(key: String, value: String)] in
            let path = keyPath(path, entry.name)
            switch entry.content {
            case .value(let leaf): return leaf.write(root).map { [(path, $0)] } ?? []
            case .section(let section):
                if let presence = section.presence, !presence.isPresent(root) { return [(path, presence.absentWord)] }
                return settings(section.entries, root, path: path)
            }
        }
    }

    /// A heading and a table for each section, with the defaults of `root`.
    func markdown(defaults root: Root) -> String {
        var text = table(entries, root, path: "")
        for entry in entries {
            if case .section(let section) = entry.content { text += chapter(entry, section, root, path: entry.name) }
        }
        return text
    }

    private func chapter(_ entry: Entry<Root>, _ section: Entry<Root>.Section, _ root: Root, path: String) -> String {
        var root = root
        var text = "\n## `\(path)`\n\n\(entry.summary)\n"
        if let presence = section.presence {
            let absent = presence.isPresent(root) ? "the defaults below" : "`\(presence.absentWord)`"
            text += "\nWithout it: \(absent). `\(entry.name): \(presence.absentWord)` leaves it out.\n"
            presence.setPresent(true, &root)
        }
        text += table(section.entries, root, path: path)
        for inner in section.entries {
            if case .section(let section) = inner.content {
                text += chapter(inner, section, root, path: keyPath(path, inner.name))
            }
        }
        return text
    }

    private func table(_ entries: [Entry<Root>], _ root: Root, path: String) -> String {
        var rows = ""
        for entry in entries {
            guard case .value(let leaf) = entry.content else { continue }
            let standard = leaf.isRequired ? "required" : "`\(leaf.write(root) ?? "")`"
            rows += "| `\(entry.name)` | \(leaf.accepted) | \(standard) | \(entry.summary) |\n"
        }
        return rows.isEmpty ? "" : "\n| key | accepted | default | meaning |\n| --- | --- | --- | --- |\n" + rows
    }
}
