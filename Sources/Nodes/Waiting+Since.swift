import Transport
import Wire

extension Waiting {
    /// `since` and `now` in nanoseconds.
    package init(for whom: String, why: String, since: UInt64, now: UInt64) {
        self.init(for: whom, why: why, milliseconds: now > since ? (now - since) / nanosecondsPerMillisecond : 0)
    }
}
