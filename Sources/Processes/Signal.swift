internal import Glibc

/// The signals that a long-running command looks at, with their numbers on Linux.
package enum Signal: Int32, Hashable, Sendable, CaseIterable {
    /// The terminal was closed (SIGHUP).
    case hangUp = 1
    /// Ctrl-C (SIGINT).
    case interrupt = 2
    /// What schedulers can be told to send some time before a job's end, and `mpirun` passes on at once, where it takes
    /// SIGTERM for itself (SIGUSR2).
    case userDefined2 = 12
    /// `kill` without a number, and what supervisors and schedulers send first (SIGTERM).
    case terminate = 15
    /// A child has ended (SIGCHLD). Several that end at once may be reported by one: ask all of them.
    case childExit = 17

    /// What commands look at that start processes.
    package static let ofParents: [Signal] = [.hangUp, .interrupt, .terminate, .childExit]

    /// Whether the sender wants the process to end.
    package var asksToEnd: Bool { self != .childExit }

    /// The exit code that a shell reports for a process ended by this signal: 130 for Ctrl-C.
    ///
    /// A shell's convention: 128 and the signal's number.
    package var exitCode: Int32 { 128 + rawValue }
}

/// `SIGKILL` for 9; the number itself for what has no everyday name.
///
/// For messages about processes that were ended.
func signalName(_ number: Int32) -> String {
    switch number {
    case SIGHUP: "SIGHUP"
    case SIGINT: "SIGINT"
    case SIGQUIT: "SIGQUIT"
    case SIGILL: "SIGILL"
    case SIGTRAP: "SIGTRAP"
    case SIGABRT: "SIGABRT"
    case SIGBUS: "SIGBUS"
    case SIGFPE: "SIGFPE"
    case SIGKILL: "SIGKILL"
    case SIGSEGV: "SIGSEGV"
    case SIGPIPE: "SIGPIPE"
    case SIGTERM: "SIGTERM"
    default: "signal \(number)"
    }
}
