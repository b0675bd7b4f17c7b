import FoundationEssentials

/// Longest settings or task description that is looked at, in bytes.
let longestDescriptionBytes = 65_536

/// Decodes a description that came from a file or a peer. Throws `EnvironmentError` with what was expected and what
/// came.
///
/// - Parameters:
///   - what: the text's name in errors, such as `task of dark-room`.
///   - example: a text that would be accepted.
func readJSON<Value: Decodable>(_ text: String, as type: Value.Type, what: String, example: String) throws -> Value {
    guard text.utf8.count <= longestDescriptionBytes else {
        throw EnvironmentError(
            "\(what): \(text.utf8.count) bytes of JSON, expected at most \(longestDescriptionBytes), as in \(example)")
    }
    do {
        return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch {
        throw EnvironmentError("\(what): expected JSON as in \(example), found \(excerpt(text))")
    }
}

/// The beginning of `text` in quotes, for an error message.
private func excerpt(_ text: String) -> String {
    let limit = 80
    let beginning = String(text.prefix(limit)).debugDescription
    return text.count > limit ? "\(beginning)..." : beginning
}
