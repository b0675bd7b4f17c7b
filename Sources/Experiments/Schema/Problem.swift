/// Where a value of an experiment was given.
package enum Origin: Hashable, Sendable, CustomStringConvertible {
    case file(String, line: Int)
    /// A command-line flag, as it was written.
    case flag(String)

    package var description: String {
        switch self {
        case .file(let path, let line): "\(path):\(line)"
        case .flag(let text): text
        }
    }
}

/// One thing that is wrong with an experiment.
package struct Problem: Hashable, Sendable, CustomStringConvertible {
    package let origin: Origin?
    /// The key's path, for example `collect.actors`; empty for the file as a whole.
    package let key: String
    package let message: String

    package var description: String {
        [origin?.description, key.isEmpty ? nil : key, message].compactMap { $0 }.joined(separator: ": ")
    }
}

/// An experiment that cannot be run: everything that is wrong with it, one sentence each.
package struct ExperimentError: Error, Sendable, CustomStringConvertible {
    package let problems: [Problem]

    package init(_ problems: [Problem]) { self.problems = problems }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
