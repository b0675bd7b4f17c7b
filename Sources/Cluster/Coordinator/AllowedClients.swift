package import Logging
package import Transport
package import Wire

/// The list of clients that may connect, read again and again while the cluster runs, so that a key is added or taken
/// away by a file.
package final class AllowedClients {
    private static let readIntervalNanoseconds: UInt64 = 1_000_000_000

    private let folder: KeyFolder
    private let authenticator: Authenticator
    private let logger: Logger
    private var current: [String: PublicKey] = [:]
    private var problems: [String] = []
    private var generation: UInt64 = 0
    private var nextRead: UInt64 = 0

    /// Throws where the list cannot be read, or has something in it that is no key: at the start, a person looks.
    package init(_ folder: KeyFolder, authenticator: Authenticator, logger: Logger) throws {
        self.folder = folder
        self.authenticator = authenticator
        self.logger = logger
        let (keys, problems) = try folder.allowed()
        if let problem = problems.first { throw ClusterError(problem) }
        if keys.isEmpty {
            logger.warning("no key may connect", metadata: ["folder": "\(folder.allowedPath)"])
        }
    }

    /// The list, if it is not the one that was given last.
    /// - Parameters:
    ///   - now: nanoseconds that never go back.
    ///   - wallClock: nanoseconds since 1970, so that the lists of a later coordinator have higher numbers.
    package func changed(now: UInt64, wallClock: UInt64) -> AllowedKeys? {
        guard now >= nextRead else { return nil }
        nextRead = now + Self.readIntervalNanoseconds
        let (keys, problems) = read()
        if problems != self.problems {
            for problem in problems { logger.warning("a key is left out", metadata: ["reason": "\(problem)"]) }
            self.problems = problems
        }
        guard generation == 0 || keys != current else { return nil }
        logChange(from: generation == 0 ? keys : current, to: keys)
        current = keys
        generation = max(generation + 1, wallClock)
        authenticator.allow(Set(keys.values))
        return AllowedKeys(
            generation: generation, keys: Set(keys.values.map(\.bytes)).sorted { $0.lexicographicallyPrecedes($1) })
    }

    /// A list that cannot be read allows nobody: whoever took it away may have meant just that.
    private func read() -> (keys: [String: PublicKey], problems: [String]) {
        do { return try folder.allowed() } catch { return ([:], ["\(error)"]) }
    }

    private func logChange(from before: [String: PublicKey], to after: [String: PublicKey]) {
        for (name, key) in after where before[name] != key {
            logger.notice("may connect from now on", metadata: ["key": "\(name)", "public": "\(key)"])
        }
        for (name, key) in before where after[name] != key {
            logger.notice("may connect no longer", metadata: ["key": "\(name)", "public": "\(key)"])
        }
    }
}
