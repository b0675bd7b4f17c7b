import Foundation

/// A clock that only goes forward, in seconds.
///
/// Its zero is arbitrary, often the machine's start, so that only differences mean anything. Changes of the date do not
/// move it, and other machines' clocks have nothing to do with it.
package func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}
