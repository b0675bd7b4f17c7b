/// Which keys JSON names.
package enum JSONExtent: Sendable {
    /// Those with another value than the default, and the stated ones: what was recorded before a key was there stays
    /// equal to what is recorded now.
    case changed
    /// All of them, for programs that read a file without our defaults.
    case all
}

/// How JSON is laid out.
package enum JSONStyle: Sendable {
    /// Without any spaces.
    case line
    /// A line for each key of a section, indented by two spaces and `depth` times two; lists stay on a line.
    case indented(depth: Int)

    /// Of the sections inside.
    fileprivate var inner: JSONStyle {
        switch self {
        case .line: .line
        case .indented(let depth): .indented(depth: depth + 1)
        }
    }

    fileprivate func object(_ members: [(name: String, value: String)]) -> String {
        switch self {
        case .indented(let depth) where !members.isEmpty:
            let margin = String(repeating: "  ", count: depth)
            let lines = members.map { "\(margin)  \($0.name): \($0.value)" }
            return "{\n\(lines.joined(separator: ",\n"))\n\(margin)}"
        default: return "{\(members.map { "\($0.name):\($0.value)" }.joined(separator: ","))}"
        }
    }
}

extension Schema {
    /// `root` as JSON with sorted keys: equal values give equal text.
    ///
    /// - Parameters:
    ///   - defaults: what `.changed` compares with.
    ///   - style: one line without spaces, unless people are to read it.
    ///
    /// Equal text for equal values is what lets a stream file and a catalogue be compared by their settings' text.
    package func json(_ root: Root, defaults: Root, _ extent: JSONExtent, _ style: JSONStyle = .line) -> String {
        object(entries, root, defaults, extent, style)
    }

    /// Keys in the order of the alphabet, whatever the order of declaration.
    private func object(
        _ entries: [Entry<Root>], _ root: Root, _ defaults: Root, _ extent: JSONExtent, _ style: JSONStyle
    ) -> String {
        let members = entries.sorted { $0.name < $1.name }.compactMap { entry -> (String, String)? in
            value(entry, root, defaults, extent, style.inner).map { (quotedJSON(entry.name), $0) }
        }
        return style.object(members)
    }

    /// Nil where the key is left out.
    ///
    /// An absent optional section is `null` where that differs from the default; a present one that equals its defaults
    /// is left out.
    private func value(
        _ entry: Entry<Root>, _ root: Root, _ defaults: Root, _ extent: JSONExtent, _ style: JSONStyle
    ) -> String? {
        switch entry.content {
        case .value(let leaf):
            let value = leaf.write(root)
            if extent == .changed, !leaf.isStated, value == leaf.write(defaults) { return nil }
            return value?.json
        case .section(let section):
            var defaults = defaults
            if let presence = section.presence {
                let isStandard = presence.isPresent(root) == presence.isPresent(defaults)
                guard presence.isPresent(root) else { return extent == .changed && isStandard ? nil : "null" }
                presence.setPresent(true, &defaults)
                let inner = object(section.entries, root, defaults, extent, style)
                return isStandard && inner == "{}" ? nil : inner
            }
            let inner = object(section.entries, root, defaults, extent, style)
            return inner == "{}" ? nil : inner
        case .kinds(let kinds):
            guard let name = kinds.current(root) else { return nil }
            var defaults = defaults
            if kinds.current(defaults) != name { kinds.choose(name, &defaults) }
            return object(kinds.allEntries(name), root, defaults, extent, style)
        }
    }
}

extension SettingsGroup {
    /// One line of JSON with sorted keys, without those that have their defaults unless they are stated ones. Stream
    /// files keep it as `environment_json` and `source_json`.
    package var json: String { json(.changed) }

    /// As `json`, with all keys where `extent` is `.all`. `init(json:name:)` reads either back to an equal value.
    ///
    /// With `.changed`, a later version of the group that has one more key writes the same text, as long as the key has
    /// its default.
    package func json(_ extent: JSONExtent) -> String {
        Schema(Self.entries).json(self, defaults: Self(), extent)
    }

    /// Reads what `json` writes: a key that is missing has its default, one that does not exist is refused.
    ///
    /// Safe on texts from strangers: at most `SettingNode.longestJSONBytes` are looked at, every value is held to its
    /// range and the group's contradictions are checked. Throws `SettingsError` with everything that is wrong.
    ///
    /// - Parameter name: what to call the text in errors, such as `settings of dark-room`.
    package init(json: String, name: String) throws(SettingsError) {
        try self.init(try SettingNode(json: json, name: name))
    }

    /// Reads the settings from a tree. Throws `SettingsError` with everything that is wrong.
    ///
    /// `node` may come from YAML, JSON or `--set`; only its origins differ. Keys that are missing keep `Self()`'s
    /// values, required ones excepted.
    package init(_ node: SettingNode) throws(SettingsError) {
        var reader = SettingsReader(Schema(Self.entries), initial: Self())
        reader.read(node)
        self = try reader.result { $0.contradictions() }
    }
}
