/// A value in words, before it is known whether YAML or JSON is written: the opposite way of `SettingNode`. Sections are
/// among them only as the elements of lists; `Schema` writes those that have a key of their own.
package indirect enum SettingText: Hashable, Sendable {
    /// A key of a section with its value.
    package struct Member: Hashable, Sendable {
        package let name: String
        package let value: SettingText

        package init(_ name: String, _ value: SettingText) {
            self.name = name
            self.value = value
        }
    }

    /// A number, `true` or `false`.
    case plain(String)
    /// Put in quotes in JSON always, in YAML where it would be read as something else without them.
    case text(String)
    case list([SettingText])
    /// Members in their order.
    case section([Member])
    /// No value; YAML has a word for it, JSON has `null`.
    case absent(String)

    /// As it stands in an experiment file, on one line.
    ///
    /// Reading it as YAML gives back the same node. Lists are in brackets.
    package var yaml: String {
        switch self {
        case .plain(let text), .absent(let text): text
        case .text(let text): quotedIfNeeded(text)
        case .list(let items): "[\(items.map(\.yaml).joined(separator: ", "))]"
        case .section(let members):
            "{\(members.map { "\(quotedIfNeeded($0.name)): \($0.value.yaml)" }.joined(separator: ", "))}"
        }
    }

    /// As it would be read: what `Schema.problems` gives to a key's own check.
    package func node(_ origin: Origin) -> SettingNode {
        switch self {
        case .plain(let text), .absent(let text): SettingNode(.scalar(text, isQuoted: false), origin: origin)
        case .text(let text): SettingNode(.scalar(text, isQuoted: true), origin: origin)
        case .list(let items): SettingNode(.list(items.map { $0.node(origin) }), origin: origin)
        case .section(let members):
            SettingNode(
                .section(
                    members.map { SettingNode.Member(name: $0.name, origin: origin, value: $0.value.node(origin)) }),
                origin: origin)
        }
    }

    /// Numbers are as in YAML, because both formats write them alike.
    package var json: String {
        switch self {
        case .plain(let text): text
        case .absent: "null"
        case .text(let text): quotedJSON(text)
        case .list(let items): "[\(items.map(\.json).joined(separator: ","))]"
        case .section(let members):
            "{\(members.map { "\(quotedJSON($0.name)):\($0.value.json)" }.joined(separator: ","))}"
        }
    }
}

extension SettingText {
    /// A value as it was given, whatever its type will be: for what is kept to be read later.
    package init(_ node: SettingNode) {
        switch node.content {
        case .scalar(let text, let isQuoted):
            if !isQuoted, text == "none" || text == "null" {
                self = .absent(text)
            } else {
                let isPlain = Double(text.replacing("_", with: "")) != nil || text == "true" || text == "false"
                self = !isQuoted && isPlain ? .plain(text) : .text(text)
            }
        case .list(let items): self = .list(items.map(SettingText.init))
        case .section(let members): self = .section(members.map { Member($0.name, SettingText($0.value)) })
        }
    }
}

/// A number as people write it: `0.99`, `20`, `1e-06`. It has as few digits as read back as the same number.
///
/// Whole numbers lose their `.0`; the text reads back as the same bits.
package func shortest(_ value: Double) -> String {
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// `text` as a YAML scalar: in double quotes where a bare one would mean something else.
///
/// Quotes are needed for what looks like a number, for YAML's words, for a leading hyphen, for an empty text, and for
/// every character but letters, digits and `-_./`.
private func quotedIfNeeded(_ text: String) -> String {
    let bare = text.allSatisfy { $0.isLetter || $0.isNumber || "-_./".contains($0) }
    let special = ["true", "false", "null", "none", "yes", "no", "on", "off", "~"].contains(text.lowercased())
    if bare, !special, Double(text) == nil, let first = text.first, first != "-" { return text }
    let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        .replacing("\t", with: "\\t")
    return "\"\(escaped)\""
}

/// `text` as a JSON string.
///
/// Control characters below U+0020 are escaped, everything else stays UTF-8 as it is (RFC 8259, section 7).
func quotedJSON(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": quoted += "\\\""
        case "\\": quoted += "\\\\"
        case "\n": quoted += "\\n"
        case "\t": quoted += "\\t"
        case "\r": quoted += "\\r"
        default:
            if scalar.value < 0x20 {
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                quoted.unicodeScalars.append(scalar)
            }
        }
    }
    return quoted + "\""
}
