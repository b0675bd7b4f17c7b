import TestSupport
import Transport

/// A clock that goes on by the same time whenever it is read: what is bounded by it takes a number of looks.
package final class SteppingClock: Clock {
    private let clock = ManualClock()
    private let step: UInt64

    package init(milliseconds: UInt64) { step = milliseconds * nanosecondsPerMillisecond }

    package var now: UInt64 {
        clock.advance(nanoseconds: step)
        return clock.now
    }

    package var wallClock: UInt64 { clock.wallClock }
}
