extension Schema {
    /// A heading and a table for each section, with the defaults of `root`, in Markdown: the body of
    /// docs/experiments.md. Every kind of a registry has a table of its own.
    ///
    /// A section's keys come before the sections inside it. The page is written by the command in CONTRIBUTING.md, and
    /// a test holds the file to it.
    ///
    /// - Parameter path: where the group stands that the schema is of, for the headings of its sections; empty at the top
    package func markdown(defaults root: Root, below path: String = "") -> String {
        table(entries, root) + chapters(entries, root, path: path)
    }

    /// The sections among `entries`, depth first.
    private func chapters(_ entries: [Entry<Root>], _ root: Root, path: String) -> String {
        entries.reduce("") { text, entry in
            let path = keyPath(path, entry.name)
            switch entry.content {
            case .value: return text
            case .section(let section): return text + chapter(entry, section, root, path: path)
            case .kinds(let kinds): return text + chapter(entry, kinds, root, path: path)
            }
        }
    }

    /// An optional section shows its group's defaults even where the default is that it is absent, and says what
    /// absence means.
    private func chapter(_ entry: Entry<Root>, _ section: Entry<Root>.Section, _ root: Root, path: String) -> String {
        var root = root
        var text = "\n## `\(path)`\n\n\(entry.summary)\n"
        if let presence = section.presence {
            let absent = presence.isPresent(root) ? "the defaults below" : "`\(presence.absentWord)`"
            text += "\nWithout it: \(absent). `\(entry.name): \(presence.absentWord)` leaves it out.\n"
            presence.setPresent(true, &root)
        }
        return text + table(section.entries, root) + chapters(section.entries, root, path: path)
    }

    /// Each kind starts from its own defaults, since `root` has one kind at a time. Sections inside the kinds follow behind
    /// all of them, those that several kinds have once.
    private func chapter(_ entry: Entry<Root>, _ kinds: Entry<Root>.Kinds, _ root: Root, path: String) -> String {
        let picking = Entry<Root>(name: kinds.key, summary: kinds.keySummary, content: .value(kinds.leaf))
        var text = "\n## `\(path)`\n\n\(entry.summary)\n" + table([picking], root)
        var inside: [String] = []
        for name in kinds.names() {
            var root = root
            kinds.choose(name, &root)
            text += "\n### `\(kinds.key): \(name)`\n\n\(kinds.summary(name))\n"
            text += table(kinds.entries(name), root)
            let chapters = chapters(kinds.entries(name), root, path: path)
            if !inside.contains(chapters) { inside.append(chapters) }
        }
        return text + inside.joined()
    }

    /// Empty where the section has no single values of its own. A required key has no default to show.
    private func table(_ entries: [Entry<Root>], _ root: Root) -> String {
        var rows = ""
        for entry in entries {
            guard case .value(let leaf) = entry.content else { continue }
            let standard = leaf.isRequired ? "required" : "`\(leaf.write(root)?.yaml ?? "")`"
            rows += "| `\(entry.name)` | \(leaf.accepted) | \(standard) | \(entry.summary) |\n"
        }
        return rows.isEmpty ? "" : "\n| key | accepted | default | meaning |\n| --- | --- | --- | --- |\n" + rows
    }
}
