import Synchronization
import Transport

/// Processes of environments that no actor acts in. They end with this value, and with this process.
///
/// Some were used before: a start costs a second, and an evaluation has many tasks in turn. Others are spares, started so
/// that a process that fails costs a connection and a reset instead of a start: they have loaded what they need, and wait.
package final class IdleProcesses: Sendable {
    /// Those that the environments of this process share.
    package static let shared = IdleProcesses()
    /// More than so many are ended instead, and no more spares are started.
    package static let most = 8
    /// Between two looks at whether the spares are still there.
    private static let lookMilliseconds: UInt64 = 1000
    /// Before a spare that has ended by itself is replaced; doubled by each that does in a row, up to the longest.
    private static let restMilliseconds: UInt64 = 1000
    private static let longestRestDoublings = 6

    private struct State {
        var waiting: [EnvironmentProcess] = []
        var spares: [EnvironmentProgram: Spares] = [:]

        /// Those that have ended; a spare that did so without having been used makes the next one wait.
        mutating func removeEnded(now: UInt64) {
            for spare in waiting where !spare.isRunning && !spare.hasAnswered {
                spares[spare.program, default: Spares()].noteEnd(now: now)
            }
            waiting.removeAll { !$0.isRunning }
        }
    }

    /// When spares of a program are looked after. Nanoseconds of the clock.
    private struct Spares {
        var nextLook: UInt64 = 0
        private(set) var nextStart: UInt64 = 0
        /// That have ended by themselves, since one was of use.
        var endedInRow = 0

        mutating func noteEnd(now: UInt64) {
            let rest = restMilliseconds << min(endedInRow, longestRestDoublings)
            nextStart = now + rest * nanosecondsPerMillisecond
            endedInRow += 1
        }
    }

    private let state = Mutex(State())
    private let clock = SystemClock()

    package init() {}

    /// One of this program: an idle one where there is one that has not ended, rather one that has answered than one that
    /// may still be starting. Throws `ExternalEnvironmentError` as `EnvironmentProcess` does.
    package func take(_ program: EnvironmentProgram) throws(ExternalEnvironmentError) -> EnvironmentProcess {
        let found: EnvironmentProcess? = state.withLock { state in
            state.removeEnded(now: clock.now)
            state.spares[program]?.nextLook = 0
            let own = state.waiting.indices.filter { state.waiting[$0].program == program }
            guard let index = own.first(where: { state.waiting[$0].hasAnswered }) ?? own.first else { return nil }
            if !state.waiting[index].hasAnswered { state.spares[program]?.endedInRow = 0 }
            return state.waiting.remove(at: index)
        }
        if let found { return found }
        return try EnvironmentProcess(program)
    }

    /// Starts what is missing of the program's spares, and does not wait until they can be used. The copies of an
    /// environment call it now and then while a process of the program works for them; most calls look at nothing.
    ///
    /// A spare that cannot be started is no error yet: the next `take` says why. `now`: nanoseconds of the
    /// host's clock, unless a test says it.
    package func keepSpares(of program: EnvironmentProgram, now moment: UInt64? = nil) {
        guard program.spareProcesses > 0 else { return }
        let now = moment ?? clock.now
        state.withLock { state in
            guard now >= state.spares[program, default: Spares()].nextLook else { return }
            state.spares[program, default: Spares()].nextLook = now + Self.lookMilliseconds * nanosecondsPerMillisecond
            state.removeEnded(now: now)
            guard now >= state.spares[program, default: Spares()].nextStart else { return }
            let idle = state.waiting.count { $0.program == program }
            for _ in 0..<max(0, min(program.spareProcesses - idle, Self.most - state.waiting.count)) {
                guard let spare = try? EnvironmentProcess(program) else {
                    state.spares[program, default: Spares()].noteEnd(now: now)
                    return
                }
                state.waiting.append(spare)
            }
        }
    }

    /// Keeps one whose copies were closed.
    package func keep(_ process: EnvironmentProcess) {
        guard process.isRunning else { return }
        let surplus: EnvironmentProcess? = state.withLock { state in
            state.waiting.append(process)
            return state.waiting.count > Self.most ? state.waiting.removeFirst() : nil
        }
        // Ended outside of the lock.
        withExtendedLifetime(surplus) {}
    }

    /// Their numbers, of those that have not ended; for tests.
    package func identifiers(of program: EnvironmentProgram) -> [Int32] {
        state.withLock { state in
            state.waiting.filter { $0.program == program && $0.isRunning }.compactMap(\.identifier)
        }
    }
}
