internal import CProcesses
internal import Glibc
internal import Synchronization

/// Turns signals into something to poll for. One at a time in a process: a second one traps.
///
/// The first Ctrl-C (or SIGTERM, or a closed terminal) is reported here, so that the process can end in good order; a
/// second Ctrl-C ends it at once, even if its main loop is stuck, with exit code 130. SIGTERM may come as often as it
/// will: Slurm and mpirun send it several times, and kill who takes too long. What is ignored from outside (`nohup`)
/// stays ignored.
package final class SignalWatcher: Sendable {
    /// Whether there is one: the handlers of a process are one set.
    private static let exists = Mutex(false)
    /// The Ctrl-C with which the process ends at once: it survives the ones before.
    private static let requestsToEnd: Int32 = 2

    /// Readable when a signal waits; for a poller.
    package let descriptor: Int32
    /// To be given their defaults back at the end.
    private let signals: [Signal]

    /// Watches `signals` from now on, until it is dropped. Throws `ProcessError` where the kernel refuses.
    ///
    /// Signals that came before are not reported. The handler only writes a byte to a pipe.
    package init(_ signals: [Signal] = Signal.ofParents) throws(ProcessError) {
        let taken = Self.exists.withLock { exists in
            defer { exists = true }
            return exists
        }
        precondition(!taken, "a process watches its signals in one place")
        self.signals = signals
        descriptor = processes_signal_pipe()
        guard descriptor >= 0 else { throw ProcessError("open a pipe for signals", errorNumber: -descriptor) }
        for signal in signals {
            let failure = processes_watch(signal.rawValue, Self.requestsToEnd)
            guard failure == 0 else {
                throw ProcessError("watch for \(signalName(signal.rawValue))", errorNumber: failure)
            }
        }
    }

    /// The signals get their defaults back.
    deinit {
        for signal in signals { processes_unwatch(signal.rawValue) }
        while next() != nil {}
        Self.exists.withLock { $0 = false }
    }

    /// The process has done what requests to end ask for, and ends by itself: those that still come change nothing, its
    /// exit code neither.
    package func ignoreRequests() {
        for signal in signals where signal.asksToEnd { Glibc.signal(signal.rawValue, SIG_IGN) }
    }

    /// The next signal that came, or nil; never waits.
    ///
    /// Call it until nil when the descriptor is readable; on the thread that polls.
    package func next() -> Signal? {
        var number: UInt8 = 0
        guard descriptor >= 0, read(descriptor, &number, 1) == 1 else { return nil }
        return Signal(rawValue: Int32(number))
    }
}
