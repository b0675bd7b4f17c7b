/// Where a setting was given: the beginning of every error, so that the reader of the message can go there.
package enum Origin: Hashable, Sendable, CustomStringConvertible {
    /// A line of an experiment file, counted from 1.
    case file(String, line: Int)
    /// A command-line flag, as it was written.
    case flag(String)
    /// A text within something larger, such as a stream's attribute, by what people call it.
    case text(String)

    /// `maze.yaml:3`, `--set collect.actors=8`, or the text's name.
    package var description: String {
        switch self {
        case .file(let path, let line): "\(path):\(line)"
        case .flag(let text), .text(let text): text
        }
    }
}

/// One thing that is wrong with some settings. In words: `maze.yaml:3: environment.size: expected integer, 5 to 101;
/// 200 came (out of range)`.
package struct Problem: Hashable, Sendable, CustomStringConvertible {
    /// Nil where the settings were made in code and not read.
    package let origin: Origin?
    /// The key's path, for example `collect.actors`; empty for the whole.
    package let key: String
    /// What was expected and what came, without origin and key.
    package let message: String

    /// `key` is empty for a problem of the whole text.
    package init(origin: Origin?, key: String, message: String) {
        self.origin = origin
        self.key = key
        self.message = message
    }

    /// The same, seen from a value further up: `episodes` becomes `0.episodes`.
    package func below(_ path: String) -> Problem {
        Problem(origin: origin, key: key.isEmpty ? path : keyPath(path, key), message: message)
    }

    /// A contradiction names several keys: they are joined by "and".
    init(_ contradiction: Contradiction, origin: Origin?) {
        self.init(origin: origin, key: contradiction.keys.joined(separator: " and "), message: contradiction.message)
    }

    /// Parts that are not known are left out, colons stand between the rest.
    package var description: String {
        [origin?.description, key.isEmpty ? nil : key, message].compactMap { $0 }.joined(separator: ": ")
    }
}
