internal import CProcesses
internal import Glibc

/// How a process ended: by itself, with a code, or by a signal that it did not survive.
package enum ExitStatus: Hashable, Sendable, CustomStringConvertible {
    /// `exit` was called, or `main` returned; 0 by custom where it succeeded.
    case exited(code: Int32)
    /// The kernel's number of the signal, such as 9 for SIGKILL.
    case killed(signal: Int32)

    package var isSuccess: Bool { self == .exited(code: 0) }

    /// Completes "actor 3 ...".
    package var description: String {
        switch self {
        case .exited(let code): "ended with exit code \(code)"
        case .killed(let signal): "was ended by \(signalName(signal))"
        }
    }
}

/// A process that this one started, and that never outlives it: the kernel kills it when this process ends, however it
/// ends, and so does letting go of this value. It runs in a process group of its own, without input, and writes
/// everything to its log. Ctrl-C of a terminal does not reach it: its parent decides when it ends.
///
/// Belongs to one thread. Nothing watches it: the owner asks `exitStatus`, for example when a `SignalWatcher` has
/// reported `childExit`.
package final class ChildProcess {
    /// The process id, which is also that of its group. Once it was collected the kernel may give the number to another
    /// process.
    package let identifier: Int32
    /// The file that standard output and standard error are appended to.
    package let log: String
    /// Nil until the process was collected; after that the number in `identifier` is not used any more.
    private var status: ExitStatus?

    /// Starts the process. Throws `ProcessError` where the log cannot be opened or the executable cannot be started; a
    /// program that starts and fails then is seen by its `exitStatus`.
    ///
    /// - Parameters:
    ///   - executable: a path; nothing is searched for.
    ///   - arguments: without the executable itself.
    ///   - log: created if missing, its folder is not.
    ///   - environment: in place of this process's own where given.
    package init(
        executable: String, arguments: [String], log: String, environment: [String: String]? = nil
    ) throws(ProcessError) {
        self.log = log
        let file = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw ProcessError("open the log \(log)", errorNumber: errno) }
        defer { close(file) }
        let answer = withCStrings([executable] + arguments) { arguments in
            guard let environment else { return spawn(executable, arguments, environ, log: file) }
            let pairs = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return withCStrings(pairs) { spawn(executable, arguments, $0, log: file) }
        }
        guard answer > 0 else { throw ProcessError("start \(executable)", errorNumber: -answer) }
        identifier = answer
    }

    /// Waits for the end, which a killed process reaches at once unless the kernel holds it.
    deinit {
        guard exitStatus == nil else { return }
        kill()
        reap(waiting: true)
    }

    /// Nil while it runs. Never waits; collects the process once it has ended, so that no zombie stays.
    package var exitStatus: ExitStatus? {
        if status == nil { reap(waiting: false) }
        return status
    }

    /// Asks it, and what it started in its group, to end.
    ///
    /// Does nothing once the process was collected. Whether it ends is up to it.
    package func terminate() { send(SIGTERM) }

    /// Ends it, and what it started in its group, at once.
    ///
    /// Does nothing once the process was collected.
    package func kill() { send(SIGKILL) }

    /// Waits at most `milliseconds` for its end; nil where it still runs then. Blocks the thread, looking every 5 ms.
    ///
    /// At least one look, whatever the number.
    package func wait(milliseconds: Int) -> ExitStatus? {
        for _ in 0..<max(1, milliseconds / Self.pauseMilliseconds) {
            if let status = exitStatus { return status }
            usleep(UInt32(Self.pauseMilliseconds) * 1_000)
        }
        return exitStatus
    }

    /// Between two looks, so that waiting costs no processor.
    private static let pauseMilliseconds = 5

    /// Ends all of `children`: asks first, and kills what is left after `graceMilliseconds`. None is left behind. They
    /// share the grace; it blocks the thread until the last has ended.
    ///
    /// Blocks for `graceMilliseconds` at most, and for what the kernel needs to end the rest.
    package static func end(_ children: [ChildProcess], graceMilliseconds: Int) {
        for child in children where child.exitStatus == nil { child.terminate() }
        for _ in 0..<max(1, graceMilliseconds / pauseMilliseconds) {
            if children.allSatisfy({ $0.exitStatus != nil }) { return }
            usleep(UInt32(pauseMilliseconds) * 1_000)
        }
        for child in children where child.exitStatus == nil {
            child.kill()
            child.reap(waiting: true)
        }
    }

    /// The last lines of its log, for an error message.
    ///
    /// Twenty lines are enough for a reason without burying the error that contains them.
    package func lastLines(_ count: Int = 20) -> [String] { Self.lastLines(of: log, count) }

    /// Sends to the whole group: a negative number stands for a group in kill(2).
    ///
    /// Nothing is sent after the process was collected, because its number may belong to another process by then.
    private func send(_ signal: Int32) {
        guard status == nil else { return }
        _ = Glibc.kill(-identifier, signal)
    }

    /// With `waiting` it blocks until the process has ended.
    private func reap(waiting: Bool) {
        var raw: Int32 = 0
        var result = waitpid(identifier, &raw, waiting ? 0 : WNOHANG)
        while result < 0, errno == EINTR { result = waitpid(identifier, &raw, waiting ? 0 : WNOHANG) }
        guard result == identifier else { return }
        status =
            processes_exited(raw) != 0
            ? .exited(code: processes_exit_code(raw)) : .killed(signal: processes_signal(raw))
        // Processes that the child left in its group end too.
        _ = Glibc.kill(-identifier, SIGKILL)
    }
}

/// The process id, or the negative errno. The fork is made in C, by a thread that never ends: the kernel kills a child
/// when the thread that forked it ends.
///
/// `environment` ends with NULL, as `arguments`; `log` becomes both standard output and standard error.
private func spawn(
    _ executable: String, _ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>,
    _ environment: UnsafePointer<UnsafeMutablePointer<CChar>?>, log: Int32
) -> Int32 {
    executable.withCString { executable in
        var request = process_request(
            executable: executable, arguments: arguments, environment: environment, log: log)
        return processes_spawn(&request)
    }
}

/// `strings` as C has them, with NULL at the end.
///
/// The strings are valid inside the call alone.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return pointers.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { preconditionFailure("an array of at least one element") }
        return body(start)
    }
}
