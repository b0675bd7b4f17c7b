import Foundation
import GRDB

/// The catalogue of a run, open: RUN/catalog.sqlite. One process writes it (the coordinator); any number may read.
///
/// Safe to use from several threads; calls run one after the other. All calls throw `CatalogError`.
///
/// The coordinator has it open all through a run, in `create` or `resume`; `distillery report` and others open it in
/// `read` at any time. A catalogue of an earlier version is brought up to date when it is opened for writing; opened for
/// reading it stays as it is, and what is read is a copy in memory that is up to date.
///
/// A call blocks its thread: for the calls before it, for an fsync, and for at most `busyTimeoutSeconds` while another
/// process is in a transaction.
package final class Ledger: Sendable {
    /// What the catalogue is opened for.
    package enum Mode: Sendable {
        /// A new catalogue; there must be none yet.
        case create
        /// An existing catalogue, for writing.
        case resume
        /// An existing catalogue, for reading alone, also while another process writes it.
        case read
    }

    /// The file; beside it lie `-wal` and `-shm` while it is open.
    package let path: String
    /// GRDB's queue: one connection, one call at a time.
    private let database: DatabaseQueue
    /// Whether it was opened for writing.
    private let isWritten: Bool

    /// How long a call waits for another process's transaction.
    ///
    /// Then it throws `busy`.
    package static let busyTimeoutSeconds = 5.0

    /// Pages that SQLite keeps in memory, in KiB.
    ///
    /// SQLite's own default is 2,000.
    static let cacheKibibytes = 512

    /// Throws `exists`, `missing`, `newer`, `damaged`, or what SQLite says.
    ///
    /// In `create` and `resume` it also switches to a write-ahead log and applies migrations that the file lacks.
    package init(path: String, mode: Mode) throws(CatalogError) {
        let exists = FileManager.default.fileExists(atPath: path)
        switch mode {
        case .create where exists:
            throw CatalogError(.exists, path, "there is a catalogue already; expected a new run, or --resume")
        case .resume where !exists, .read where !exists:
            throw CatalogError(
                .missing, path,
                "there is no catalogue; expected the folder of a run (`distillery histories index RUN` remakes a lost one)"
            )
        default: break
        }
        var configuration = Configuration()
        configuration.busyMode = .timeout(Self.busyTimeoutSeconds)
        configuration.readonly = mode == .read
        configuration.foreignKeysEnabled = true
        if mode != .read { configuration.journalMode = .wal }
        configuration.label = "catalogue"
        // A few rows of indices are read again and again; other pages would only fill the memory.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -\(Self.cacheKibibytes)") }
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try Ledger.checkVersion(database, path: path)
            if mode != .read { try CatalogSchema.migrator.migrate(database) }
            self.path = path
            isWritten = mode != .read
            self.database = mode == .read ? try Ledger.upToDate(database) : database
        } catch {
            throw CatalogError(error, path: path)
        }
    }

    /// Folds the write-ahead log into the file, so that the file alone can be copied, and closes it.
    ///
    /// Throws where the log cannot be folded in; file and log together are then still whole.
    package func close() throws(CatalogError) {
        do {
            if isWritten {
                try database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            }
            try database.close()
        } catch {
            throw CatalogError(error, path: path)
        }
    }

    /// What a transaction has to survive that was committed: a loss of power (an fsync of the write-ahead log, of all
    /// transactions before it too), or only the death of every process.
    ///
    /// With numbers: on a virtual disk a transaction costs about 5 ms with the fsync and 0.01 ms without.
    package enum Survival: Sendable {
        case lossOfPower, deathOfProcess

        /// Value of SQLite's `PRAGMA synchronous`, by which a commit in a write-ahead log syncs or does not.
        fileprivate var pragma: String { self == .lossOfPower ? "FULL" : "NORMAL" }
    }

    /// One transaction: all of `body` is kept, or nothing.
    ///
    /// Throws what `body` throws as a `CatalogError`, after rolling back. Blocks for an fsync with `lossOfPower`.
    func write(surviving: Survival = .lossOfPower, _ body: (Database) throws -> Void) throws(CatalogError) {
        do {
            try database.writeWithoutTransaction { connection in
                // SQLite does not change this pragma within a transaction.
                try connection.execute(sql: "PRAGMA synchronous = \(surviving.pragma)")
                try connection.inTransaction {
                    try body(connection)
                    return .commit
                }
            }
        } catch { throw CatalogError(error, path: path) }
    }

    /// What the last transaction survives, as the library numbers it: 1 the death of every process, 2 a loss of power.
    ///
    /// For tests. The value of SQLite's `PRAGMA synchronous`.
    package func synchronousLevel() throws(CatalogError) -> Int? {
        try read { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
    }

    /// One snapshot: all statements in `body` see the same state.
    ///
    /// Another process may write meanwhile: the write-ahead log keeps the snapshot.
    func read<Result>(_ body: (Database) throws -> Result) throws(CatalogError) -> Result {
        do { return try database.read(body) } catch { throw CatalogError(error, path: path) }
    }

    /// What is read of a catalogue: itself, or where an earlier version made it a copy with the tables of now. The copy
    /// takes as much memory as the catalogue has bytes.
    private static func upToDate(_ database: DatabaseQueue) throws -> DatabaseQueue {
        if try database.read(CatalogSchema.migrator.hasCompletedMigrations) { return database }
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.label = "catalogue of an earlier version"
        let copy = try DatabaseQueue(configuration: configuration)
        try database.backup(to: copy)
        try database.close()
        try CatalogSchema.migrator.migrate(copy)
        return copy
    }

    /// Throws `newer` where migrations are applied that this version does not know, `damaged` where a catalogue that is
    /// opened for reading has none of those that it knows.
    private static func checkVersion(_ database: DatabaseQueue, path: String) throws {
        let migrator = CatalogSchema.migrator
        try database.read { connection in
            if try migrator.hasBeenSuperseded(connection) {
                throw CatalogError(
                    .newer, path,
                    "a newer version of distillery made this catalogue; use that version, or remake it with "
                        + "`distillery histories index RUN`")
            }
            if database.configuration.readonly, try migrator.appliedIdentifiers(connection).isEmpty {
                throw CatalogError(
                    .damaged, path, "it has not the tables of a catalogue; expected the catalog.sqlite of a run")
            }
        }
    }
}
