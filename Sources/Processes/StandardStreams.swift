internal import CProcesses
internal import Glibc

/// Standard input, output and error of this process.
package enum StandardStreams {
    /// Opens those that the caller has closed, before anything else is opened: the next file would get their number,
    /// and with it what is printed. Writing to a standard output that was closed fails, as it did.
    ///
    /// The first thing that `main` does. Descriptors that are open stay as they are.
    package static func open() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = Glibc.open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Writes out what was printed; gives the reason where not all of it has arrived, such as a full disk behind a
    /// redirection. A command that has lost its results must not exit with 0.
    ///
    /// Called before the process exits with 0, and by commands that print again and again.
    package static func flushOutput() -> ProcessError? {
        let number = processes_flush_output()
        return number == 0 ? nil : ProcessError("write the results to standard output", errorNumber: number)
    }
}
