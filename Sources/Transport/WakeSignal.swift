internal import CZeroMQ
internal import Glibc

/// Wakes a poller from another thread or from a signal handler.
///
/// An eventfd: raise it on any thread, clear it on the thread that polls. Without `clear` every later wait returns at
/// once.
package final class WakeSignal: Sendable {
    /// Readable while the signal is raised; for `Poller.add(descriptor:)`.
    package let descriptor: Int32

    /// Throws `system` where the process has no descriptor left.
    ///
    /// The descriptor is closed on exec, so that child processes do not inherit it.
    package init() throws(TransportError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .last("open an event descriptor") }
    }

    deinit { close(descriptor) }

    /// Safe in a signal handler. Raising it twice is raising it once.
    ///
    /// Never blocks: a counter that is full means that it is raised already.
    package func raise() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// - Returns: whether it was raised since the last time.
    @discardableResult
    package func clear() -> Bool {
        var count: UInt64 = 0
        return read(descriptor, &count, 8) == 8
    }
}
