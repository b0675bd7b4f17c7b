import Glibc
package import Processes
import Wire

/// The processes of one role that the supervisor keeps alive: as many as are desired, with pauses between failures,
/// until there were too many failures in a row.
///
/// A process that failed is started again after 0.1 s, then after 0.2, 0.4, ... and at most 5 s. A failure counts
/// as the next in the row when the process had lived for less than 30 s and the one before was less than 30 s ago;
/// the fifth ends the run. An end with exit code 0 is none, nor is SIGKILL from outside after 5 s of work (as the
/// kernel does when memory is short). A process that the supervisor ends for its silence counts in a row of its
/// own.
///
/// Belongs to the supervisor's only thread; times are nanoseconds that never go back.
package struct SupervisedRole {
    /// So many failures in a row end the run.
    package static let failureLimit = 5
    /// A process that has lived for so long was healthy: its failure begins a new row.
    static let healthyNanoseconds: UInt64 = 30_000_000_000
    /// A process that is ended for its silence within this time of its start never came to work: its start is to blame,
    /// not what happened to it later. It is longer than the silence that a coordinator is allowed.
    package static let silentNanoseconds: UInt64 = 60_000_000_000
    /// A process that was at work for so long before it was killed by SIGKILL has not failed by itself.
    static let killedNanoseconds: UInt64 = 5_000_000_000
    private static let firstPauseNanoseconds: UInt64 = 100_000_000
    private static let longestPauseNanoseconds: UInt64 = 5_000_000_000

    /// A process that was started and not yet seen to have ended.
    package struct Running {
        let process: ChildProcess
        let started: UInt64
        /// Which of the role's places it has: the next process gets it when this one has ended.
        let place: Int

        package init(process: ChildProcess, started: UInt64, place: Int = 0) {
            self.process = process
            self.started = started
            self.place = place
        }
    }

    /// How many there are to be; fewer than run now ends none of them, for the coordinator sends the surplus home.
    var desired: Int
    package var running: [Running] = []
    private(set) var started = 0
    private var failures = 0
    private var lastFailure: UInt64 = 0
    private var silences = 0
    private var lastSilence: UInt64 = 0
    private var nextStart: UInt64 = 0
    /// Processes that were ended because they hung.
    private var ended: Set<Int32> = []

    package init(desired: Int = 0) { self.desired = desired }

    /// The failure that is one too many.
    package struct LastFailure {
        package let process: ChildProcess
        let status: ExitStatus
        /// How many there were in a row.
        package let count: Int
        /// It had not failed by itself: the supervisor ended it for its silence.
        package let wasSilent: Bool
    }

    /// Ends one of the role's processes, which hangs, at once; false when it is none of them.
    @discardableResult
    package mutating func end(process: Int) -> Bool {
        guard let entry = running.first(where: { Int($0.process.identifier) == process }) else { return false }
        ended.insert(entry.process.identifier)
        entry.process.kill()
        return true
    }

    /// Number of the next process, for its log's name.
    mutating func nextNumber() -> Int {
        defer { started += 1 }
        return started
    }

    /// The first of the role's places that no process has: with several recorders, the number of a folder.
    var freePlace: Int {
        let taken = Set(running.map(\.place))
        return (0...taken.count).first { !taken.contains($0) } ?? 0
    }

    /// Whether a process is missing and the pause after the last failure is over.
    func mayStart(now: UInt64) -> Bool { running.count < desired && now >= nextStart }

    /// Takes note of processes that have ended; gives back the failure that is one too many.
    package mutating func collectExits(now: UInt64, onExit: (ChildProcess, ExitStatus) -> Void) -> LastFailure? {
        var fatal: LastFailure?
        var left: [Running] = []
        for entry in running {
            guard let status = entry.process.exitStatus else {
                left.append(entry)
                continue
            }
            onExit(entry.process, status)
            fatal = count(status, of: entry, now: now) ?? fatal
        }
        running = left
        return fatal
    }

    /// Gives back the failure when it is one too many.
    private mutating func count(_ status: ExitStatus, of entry: Running, now: UInt64) -> LastFailure? {
        let wasSilent = ended.remove(entry.process.identifier) != nil
        guard !status.isSuccess else { return nil }
        let age = now - entry.started
        let isTooMany = wasSilent ? countSilence(age: age, now: now) : countExit(status, age: age, now: now)
        guard isTooMany else { return nil }
        return LastFailure(
            process: entry.process, status: status, count: wasSilent ? silences : failures, wasSilent: wasSilent)
    }

    /// A process could not even be started; true when that is one failure too many.
    mutating func failedToStart(now: UInt64) -> Bool { countFailure(age: 0, now: now) }

    private mutating func countExit(_ status: ExitStatus, age: UInt64, now: UInt64) -> Bool {
        if status == .killed(signal: SIGKILL), age >= Self.killedNanoseconds { return false }
        return countFailure(age: age, now: now)
    }

    private mutating func countFailure(age: UInt64, now: UInt64) -> Bool {
        let isInARow = age < Self.healthyNanoseconds && now - lastFailure < Self.healthyNanoseconds
        failures = isInARow ? failures + 1 : 1
        lastFailure = now
        let pause = Self.firstPauseNanoseconds << UInt64(min(10, failures - 1))
        nextStart = now + min(pause, Self.longestPauseNanoseconds)
        return failures >= Self.failureLimit
    }

    /// On a machine that is too busy all processes of a role may be silent at once: each has its own share of the
    /// limit.
    private mutating func countSilence(age: UInt64, now: UInt64) -> Bool {
        guard age < Self.silentNanoseconds else {
            silences = 0
            return false
        }
        silences = now - lastSilence < Self.silentNanoseconds ? silences + 1 : 1
        lastSilence = now
        return silences >= Self.failureLimit * max(1, desired)
    }
}
