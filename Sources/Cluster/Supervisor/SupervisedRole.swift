import Glibc
import Processes
import Wire

/// The processes of one role that the supervisor keeps alive.
struct SupervisedRole {
    /// So many failures without a healthy time between them end the run.
    static let failureLimit = 5
    static let healthyNanoseconds: UInt64 = 30_000_000_000
    /// A process that was at work for so long before somebody killed it has not failed by itself.
    static let killedNanoseconds: UInt64 = 5_000_000_000
    private static let firstPauseNanoseconds: UInt64 = 100_000_000
    private static let longestPauseNanoseconds: UInt64 = 5_000_000_000

    struct Running {
        let process: ChildProcess
        let started: UInt64
    }

    var desired: Int
    var running: [Running] = []
    private(set) var started = 0
    private var failures = 0
    private var lastFailure: UInt64 = 0
    private var nextStart: UInt64 = 0
    /// Processes that were ended because they hung; that is not held against their role.
    private var ended: Set<Int32> = []

    init(desired: Int = 0) { self.desired = desired }

    /// Ends one of the role's processes at once; false when it is none of them.
    mutating func end(process: Int) -> Bool {
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

    func mayStart(now: UInt64) -> Bool { running.count < desired && now >= nextStart }

    /// Takes note of processes that have ended; gives back the exit that makes it one failure too many.
    mutating func collectExits(now: UInt64, onExit: (ChildProcess, ExitStatus) -> Void) -> (ChildProcess, ExitStatus)? {
        var fatal: (ChildProcess, ExitStatus)?
        running.removeAll { entry in
            guard let status = entry.process.exitStatus else { return false }
            onExit(entry.process, status)
            if !status.isSuccess, ended.remove(entry.process.identifier) == nil {
                let age = now - entry.started
                if status == .killed(signal: SIGKILL), age >= Self.killedNanoseconds { return true }
                let isInARow = age < Self.healthyNanoseconds && now - lastFailure < Self.healthyNanoseconds
                failures = isInARow ? failures + 1 : 1
                lastFailure = now
                let pause = Self.firstPauseNanoseconds << UInt64(min(10, failures - 1))
                nextStart = now + min(pause, Self.longestPauseNanoseconds)
                if failures >= Self.failureLimit { fatal = (entry.process, status) }
            }
            return true
        }
        return fatal
    }
}
