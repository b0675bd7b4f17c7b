/// Where a setting was given.
package enum Origin: Hashable, Sendable, CustomStringConvertible {
    case file(String, line: Int)
    /// A command-line flag, as it was written.
    case flag(String)
    /// A text within something larger, such as a stream's attribute, by what people call it.
    case text(String)

    package var description: String {
        switch self {
        case .file(let path, let line): "\(path):\(line)"
        case .flag(let text), .text(let text): text
        }
    }
}

/// One thing that is wrong with some settings.
package struct Problem: Hashable, Sendable, CustomStringConvertible {
    package let origin: Origin?
    /// The key's path, for example `collect.actors`; empty for the whole.
    package let key: String
    package let message: String

    package init(origin: Origin?, key: String, message: String) {
        self.origin = origin
        self.key = key
        self.message = message
    }

    init(_ contradiction: Contradiction, origin: Origin?) {
        self.init(origin: origin, key: contradiction.keys.joined(separator: " and "), message: contradiction.message)
    }

    package var description: String {
        [origin?.description, key.isEmpty ? nil : key, message].compactMap { $0 }.joined(separator: ": ")
    }
}
