extension SettingNode {
    /// Longest JSON that is looked at unless a caller says otherwise, in bytes: texts come from stream
    /// files and peers that nothing vouches for. Settings have a few hundred.
    package static let longestJSONBytes = 65_536

    /// The tree of a JSON text. Every node has the origin `name`: what to call the text in errors. Throws
    /// `SettingsError` for what is not JSON, or longer than `limit` bytes.
    package init(json: String, name: String, limit: Int = longestJSONBytes) throws(SettingsError) {
        let origin = Origin.text(name)
        guard json.utf8.count <= limit else {
            let message = "\(json.utf8.count) bytes of JSON, expected at most \(limit)"
            throw SettingsError([Problem(origin: origin, key: "", message: message)])
        }
        var reader = JSONReader(json, origin: origin)
        do throws(JSONReader.Failure) {
            self = try reader.document()
        } catch {
            let message =
                "expected JSON, found \(excerpt(json)); at byte \(error.offset) there should be \(error.expected)"
            throw SettingsError([Problem(origin: origin, key: "", message: message)])
        }
    }

    /// One line of JSON without spaces, members in their order. A value that did not come from JSON and is neither
    /// number nor `true`, `false` or `null` has to be in quotes.
    package var json: String {
        switch content {
        case .scalar(let text, let isQuoted): isQuoted ? quotedJSON(text) : text
        case .list(let items): "[\(items.map(\.json).joined(separator: ","))]"
        case .section(let members):
            "{\(members.map { "\(quotedJSON($0.name)):\($0.value.json)" }.joined(separator: ","))}"
        }
    }
}

/// The first 80 characters of `text` in quotes, escaped, for an error message.
///
/// Short enough for one line of a log, and free of control characters, since the text may come from a stranger.
package func excerpt(_ text: String) -> String {
    let limit = 80
    let beginning = String(text.prefix(limit)).debugDescription
    return text.count > limit ? "\(beginning)..." : beginning
}
