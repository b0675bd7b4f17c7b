import Foundation
import GRDB
import Glibc

/// A catalogue that cannot be opened, read or written.
///
/// Its description is for people and says what to do. Callers switch on `reason` alone: the coordinator waits for room
/// on `full`.
package struct CatalogError: Error, Sendable, CustomStringConvertible {
    /// `missing`: no file, or one that cannot be opened. `exists`: a new run found a catalogue. `damaged`: not a
    /// catalogue, or one whose content makes no sense. `newer`: a later version's. `busy`: another process held it for
    /// longer than `Ledger.busyTimeoutSeconds`. `full`: no room on the disk, or the limit on the size of files.
    package enum Reason: Sendable { case missing, exists, damaged, newer, busy, full, other }

    /// What a caller may decide by; the words are for people.
    package let reason: Reason
    /// The catalogue's file.
    package let path: String
    /// Begins with the path.
    package let description: String

    /// For errors that this module finds itself; `message` says what was expected and what to do.
    init(_ reason: Reason, _ path: String, _ message: String) {
        self.reason = reason
        self.path = path
        self.description = "\(path): \(message)"
    }

    /// The same in words that say what to do.
    ///
    /// A `CatalogError` stays what it is. An I/O error counts as `full` where the disk has less than 1 MiB left, no
    /// inodes, or the process has met its limit on the size of files.
    init(_ error: any Error, path: String) {
        if let error = error as? CatalogError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.other, path, "\(error)")
            return
        }
        let detail = error.message ?? "SQLite error \(error.resultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(
                .damaged, path,
                "the catalogue is damaged (\(detail)). The stream files are the truth: move it aside and remake it with "
                    + "`distillery histories index RUN`")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.busy, path, "another process writes the catalogue (\(detail)); stop the run that uses it first")
        // SQLite's index of the write-ahead log and its journals are files too, and their errors do not name the lack
        // of room.
        case .SQLITE_IOERR where !hasRoom(besides: path) || isAtLimit(path):
            self.init(.full, path, "no space is left for the catalogue (\(detail)); free some and go on with --resume")
        case .SQLITE_FULL:
            self.init(.full, path, "no space is left for the catalogue (\(detail)); free some and go on with --resume")
        case .SQLITE_CANTOPEN:
            self.init(
                .missing, path, "the catalogue cannot be opened (\(detail)); expected a file that can be read here")
        default:
            self.init(.other, path, "the catalogue cannot be used (\(detail))")
        }
    }
}

/// Whether the disk has room for what a transaction needs at least. True where the file system does not say.
///
/// Asked after an I/O error only. A transaction needs far less than 1 MiB, but the file system may keep some back.
private func hasRoom(besides path: String) -> Bool {
    var found = statvfs()
    guard statvfs((path as NSString).deletingLastPathComponent, &found) == 0 else { return true }
    return UInt64(found.f_bavail) * UInt64(found.f_frsize) >= 1 << 20 && (found.f_files == 0 || found.f_favail > 0)
}

/// Whether the process may not make the catalogue's files larger (`ulimit -f`), which the library calls any trouble.
///
/// SQLite reports a write beyond the limit as an I/O error without saying why; hence sizes and limit are compared here.
private func isAtLimit(_ path: String) -> Bool {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max else {
        return false
    }
    return ["", "-wal", "-shm"].contains { suffix in
        var status = stat()
        return stat(path + suffix, &status) == 0
            && UInt64(status.st_size) + UInt64(largestWrite) > UInt64(limit.rlim_cur)
    }
}

/// More than one write of the library needs: a page of the log's index.
///
/// In bytes.
private let largestWrite = 64 << 10
