package import Logging
import Nodes
package import Transport
package import Wire

/// The list of clients that may connect, read from its folder once a second while the cluster runs, so that a key
/// is added or taken away by a file. Owned by `CoordinatorProcess`, on its thread.
///
/// It tells the coordinator's own authenticator at once; the coordinator passes the list on to learners and
/// recorders. Each list has a generation: of two lists the one with the higher generation counts, also across
/// restarts of the coordinator.
package final class AllowedClients {
    /// A key that is taken out of the folder is refused after this time at most.
    private static let readIntervalNanoseconds: UInt64 = 1_000_000_000

    private let folder: KeyFolder
    private let authenticator: Authenticator
    private let logger: Logger
    /// A key and what its holder may be.
    private struct Client: Equatable {
        let key: PublicKey
        let roles: KeyRoles
    }
    /// The list that was given last, by the names of its files.
    private var current: [String: Client] = [:]
    /// What was wrong with the last list, so that it is logged once.
    private var problems: [String] = []
    /// The generation of that list; 0 before the first.
    private var generation: UInt64 = 0
    /// When the folder is read again, in nanoseconds of the process's clock.
    private var nextRead: UInt64 = 0

    /// Throws where the list cannot be read, or has something in it that is no key: at the start, a person looks.
    package init(_ folder: KeyFolder, authenticator: Authenticator, logger: Logger) throws {
        self.folder = folder
        self.authenticator = authenticator
        self.logger = logger
        let (keys, problems) = Self.checked(try folder.allowed())
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
        // A key that stands in two files may be what each of them says.
        let roles = Dictionary(keys.values.map { ($0.key, $0.roles) }, uniquingKeysWith: { $0.union($1) })
        authenticator.allow(Set(roles.keys))
        let sorted = roles.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
        return AllowedKeys(generation: generation, keys: sorted.map(\.key.bytes), roles: sorted.map(\.value))
    }

    /// A list that cannot be read allows no key: the person who took it away may have meant just that.
    private func read() -> (keys: [String: Client], problems: [String]) {
        do { return Self.checked(try folder.allowed()) } catch { return ([:], ["\(error)"]) }
    }

    /// Splits a list into keys with roles that we know, and problems. A key whose roles are none of ours may not
    /// connect.
    private static func checked(
        _ list: (clients: [String: AllowedClient], problems: [String])
    ) -> (keys: [String: Client], problems: [String]) {
        var (keys, problems): ([String: Client], [String]) = ([:], list.problems)
        for (name, client) in list.clients.sorted(by: { $0.key < $1.key }) {
            do { keys[name] = Client(key: client.key, roles: try KeyRoles(names: client.roles)) } catch {
                problems.append("the allowed key \(name): \(error)")
            }
        }
        return (keys, problems)
    }

    /// One line for each key that came, changed or went, so that the log tells who could connect when.
    private func logChange(from before: [String: Client], to after: [String: Client]) {
        for (name, client) in after where before[name] != client {
            logger.notice(
                "may connect from now on",
                metadata: ["key": "\(name)", "public": "\(client.key)", "roles": "\(client.roles)"])
        }
        for (name, client) in before where after[name]?.key != client.key {
            logger.notice("may connect no longer", metadata: ["key": "\(name)", "public": "\(client.key)"])
        }
    }
}
