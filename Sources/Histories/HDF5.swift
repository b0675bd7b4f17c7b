import CHDF5
import Files
import Glibc

/// The HDF5 library behind one process-wide lock: Debian's build is not thread-safe.
///
/// Every function of this module that calls the library does so inside `locked`. So a long read of one thread holds up
/// the flush of another.
enum HDF5 {
    /// Runs `body` alone among all threads that use HDF5. Not recursive.
    ///
    /// The first call prepares the library. A `body` that calls `locked` again waits for itself for ever.
    static func locked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(lock.mutex)
        defer { pthread_mutex_unlock(lock.mutex) }
        if !lock.started {
            // Our files are locked by folder (one recorder a folder); HDF5's own locks would let a reader stop
            // recovery.
            setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1)
            H5dont_atexit()
            H5open()
            // Bounds on the freed memory that the library keeps: 4 MiB in all, 256 KiB a list.
            H5set_free_list_limits(4 << 20, 256 << 10, 4 << 20, 256 << 10, 4 << 20, 256 << 10)
            lock.started = true
        }
        // A build with threads has a stack of errors for each, and each prints unless told not to.
        _ = distillery_h5_silence()
        return try body()
    }

    /// One for the process, because the library's state is.
    private static let lock = Lock()

    /// Unchecked: `started` is only touched while `mutex` is held, and `mutex` itself never changes.
    private final class Lock: @unchecked Sendable {
        /// Never freed: the lock lives as long as the process.
        let mutex: UnsafeMutablePointer<pthread_mutex_t>
        /// Whether the library was prepared.
        var started = false

        init() {
            mutex = .allocate(capacity: 1)
            pthread_mutex_init(mutex, nil)
        }
    }

    /// The library's own words about the last failure, as a `StreamError`. A lack of room becomes `diskFull`.
    ///
    /// Reads the library's stack of errors, so it must come right after the failure, under the lock.
    static func failure(_ path: String, _ operation: String) -> StreamError {
        var error = distillery_h5_error()
        distillery_h5_take_error(&error)
        if FileError.isLackOfRoom(error.system_error) {
            return .diskFull(path: path, operation: operation)
        }
        // Where the system refused something, the library's own words are a dump of its arguments.
        let message =
            error.system_error != 0
            ? String(cString: strerror(error.system_error))
            : withUnsafeBytes(of: error.text) {
                String(decoding: $0.prefix(Int(error.length)), as: UTF8.self)
            }
        return .inputOutput(path: path, operation: operation, message: message, code: error.system_error)
    }

    /// Passes on a status or an identifier, or throws what the library says.
    ///
    /// The text of `operation` is only made where the call failed.
    @discardableResult
    static func check<Status: SignedInteger>(
        _ status: Status, _ path: String, _ operation: @autoclosure () -> String
    ) throws(StreamError) -> Status {
        if status < 0 { throw failure(path, operation()) }
        return status
    }
}

/// An identifier of the library that is closed when it goes out of scope. Used under the lock only.
///
/// `raw` is valid as long as the value is; do not keep it.
struct HDF5Identifier: ~Copyable {
    let raw: hid_t
    /// The library's own function for this kind of identifier.
    private let close: (hid_t) -> herr_t

    /// Throws what the library says where `raw` is negative.
    init(
        _ raw: hid_t, closing close: @escaping (hid_t) -> herr_t, _ path: String, _ operation: @autoclosure () -> String
    ) throws(StreamError) {
        if raw < 0 { throw HDF5.failure(path, operation()) }
        self.raw = raw
        self.close = close
    }

    deinit { _ = close(raw) }
}
