internal import Glibc

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
