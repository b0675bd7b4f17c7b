internal import Synchronization

/// Time during which this process ran: it stands still while the process does.
///
/// A process that was stopped (Ctrl-Z, SIGSTOP, a machine that had no moment for it) has heard no peer meanwhile, and
/// nothing that it waits for is late for that. Where two readings are further apart than `gapNanoseconds`, only that
/// much counts. So the process has to read the clock more often than that: every loop around a socket does.
///
/// With numbers: readings at 10 s, 11 s and, after a stop, 71 s of the host's clock become 10 s, 11 s and 13 s. Safe to
/// read from several threads.
package final class WorkingClock: Clock {
    /// The most that counts between two readings, in nanoseconds.
    package static let gapNanoseconds: UInt64 = 2 * nanosecondsPerSecond

    private struct State {
        /// The host's clock at the last reading.
        var last: UInt64
        /// Nanoseconds that were left out.
        var lost: UInt64 = 0
    }

    /// Usually the host's; a test gives one that it moves by hand.
    private let clock: any Clock
    private let state: Mutex<State>

    /// `clock`: a clock that goes on whatever becomes of the process.
    package init(_ clock: any Clock = SystemClock()) {
        self.clock = clock
        state = Mutex(State(last: clock.now))
    }

    /// Reading it is what moves it: two readings that are 3 s apart count as 2 s.
    package var now: UInt64 {
        state.withLock { state in
            let moment = max(clock.now, state.last)
            let gap = moment - state.last
            if gap > Self.gapNanoseconds { state.lost += gap - Self.gapNanoseconds }
            state.last = moment
            return moment - state.lost
        }
    }

    /// Not corrected: people want the time of day.
    package var wallClock: UInt64 { clock.wallClock }
}
