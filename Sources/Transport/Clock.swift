internal import Glibc
internal import Synchronization

/// Where a state machine's driver gets its time from, so that a test can move it by hand.
///
/// A role never reads a clock: its driver hands it `now` with every message. So a test runs hours of a cluster in
/// moments.
package protocol Clock: Sendable {
    /// Nanoseconds since some fixed moment; never goes back. For deadlines and intervals.
    var now: UInt64 { get }
    /// Nanoseconds since 1970, as the host believes. For what people read; never for deadlines.
    var wallClock: UInt64 { get }
}

/// Nanoseconds in a millisecond and in a second.
///
/// 10^6, for the conversion of settings in milliseconds.
package let nanosecondsPerMillisecond: UInt64 = 1_000_000
package let nanosecondsPerSecond: UInt64 = 1_000_000_000

/// The host's clocks.
///
/// `now` is CLOCK_MONOTONIC, which does not count the time in which the machine was suspended; `wallClock` is
/// CLOCK_REALTIME, which may be set back.
package struct SystemClock: Clock {
    /// Reads the kernel's clocks with each call, which costs some tens of nanoseconds.
    package init() {}

    /// From the machine's start on Linux.
    package var now: UInt64 { Self.read(CLOCK_MONOTONIC) }
    /// For log lines, files' times and the records of rollouts.
    package var wallClock: UInt64 { Self.read(CLOCK_REALTIME) }

    /// Never fails for the two clocks that are asked for.
    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * nanosecondsPerSecond + UInt64(time.tv_nsec)
    }
}

/// A clock that stands still until it is moved.
///
/// May be moved and read on different threads.
package final class ManualClock: Clock {
    /// What `now` is at the moment.
    private let elapsed: Mutex<UInt64>
    /// Added to `now` for the wall clock, so that both move together.
    private let epoch: UInt64

    /// - Parameters:
    ///   - now: the first monotonic reading, in nanoseconds.
    ///   - epoch: the wall clock at monotonic 0, in nanoseconds since 1970.
    package init(now: UInt64 = 0, epoch: UInt64 = 1_700_000_000 * nanosecondsPerSecond) {
        elapsed = Mutex(now)
        self.epoch = epoch
    }

    package var now: UInt64 { elapsed.withLock { $0 } }
    /// Never set back, unlike a host's.
    package var wallClock: UInt64 { epoch + now }

    /// Both readings move.
    package func advance(nanoseconds: UInt64) { elapsed.withLock { $0 += nanoseconds } }

    /// The unit in which most limits of the cluster are given.
    package func advance(milliseconds: UInt64) { advance(nanoseconds: milliseconds * nanosecondsPerMillisecond) }

    /// Moves to `moment`; a moment that has passed leaves the clock where it is.
    package func advance(to moment: UInt64) { elapsed.withLock { $0 = max($0, moment) } }
}
