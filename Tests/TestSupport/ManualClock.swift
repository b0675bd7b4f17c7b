import Synchronization
import Transport

/// A clock that stands still until it is moved.
///
/// May be moved and read on different threads.
package final class ManualClock: Clock {
    private let elapsed: Mutex<UInt64>
    private let epoch: UInt64

    /// - Parameters:
    ///   - now: the first monotonic reading, in nanoseconds.
    ///   - epoch: the wall clock at monotonic 0, in nanoseconds since 1970.
    package init(now: UInt64 = 0, epoch: UInt64 = 1_700_000_000 * nanosecondsPerSecond) {
        elapsed = Mutex(now)
        self.epoch = epoch
    }

    package var now: UInt64 { elapsed.withLock { $0 } }
    package var wallClock: UInt64 { epoch + now }

    /// Both readings move.
    package func advance(nanoseconds: UInt64) { elapsed.withLock { $0 += nanoseconds } }

    package func advance(milliseconds: UInt64) { advance(nanoseconds: milliseconds * nanosecondsPerMillisecond) }

    /// Moves to `moment`; a moment that has passed leaves the clock where it is.
    package func advance(to moment: UInt64) { elapsed.withLock { $0 = max($0, moment) } }
}
