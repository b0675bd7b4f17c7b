internal import Synchronization

/// Time during which this process ran: it stands still while the process does.
///
/// A process that was stopped (Ctrl-Z, SIGSTOP, a machine that had no moment for it) has heard nobody meanwhile, and
/// nothing that it waits for is late for that. Where two readings are further apart than `gapNanoseconds`, only so much
/// counts. Somebody in the process has to read it more often than that: every loop around a socket does.
package final class WorkingClock: Clock {
    package static let gapNanoseconds: UInt64 = 2 * nanosecondsPerSecond

    private struct State {
        var last: UInt64
        /// Nanoseconds that were left out.
        var lost: UInt64 = 0
    }

    private let clock: any Clock
    private let state: Mutex<State>

    /// `clock`: what tells the time that goes on whatever becomes of the process.
    package init(_ clock: any Clock = SystemClock()) {
        self.clock = clock
        state = Mutex(State(last: clock.now))
    }

    package var now: UInt64 {
        state.withLock { state in
            let moment = max(clock.now, state.last)
            let gap = moment - state.last
            if gap > Self.gapNanoseconds { state.lost += gap - Self.gapNanoseconds }
            state.last = moment
            return moment - state.lost
        }
    }

    package var wallClock: UInt64 { clock.wallClock }
}
