package import Logging
package import Transport

/// Writes refused connections into the log: the first at once, those after it gathered, so that a scanner cannot fill
/// the disk. The count itself stays exact.
///
/// After a report the next one comes 30 s later at the earliest; attempts in between are counted by address and
/// reason.
package struct RefusalLog {
    static let intervalNanoseconds: UInt64 = 30_000_000_000

    private var nextReport: UInt64 = 0

    package init() {}

    /// Takes what the authenticator has refused since the last report, and writes it where the time has come.
    package mutating func report(_ authenticator: Authenticator, to logger: Logger, now: UInt64) {
        guard now >= nextReport else { return }
        let refused = authenticator.takeRefused()
        guard !refused.isEmpty else { return }
        nextReport = now + Self.intervalNanoseconds
        for (connection, count) in refused.counts.sorted(by: { $0.value > $1.value }) {
            logger.warning(
                "refused a connection",
                metadata: [
                    "address": "\(connection.address)", "reason": "\(connection.reason.rawValue)",
                    "attempts": "\(count)", "in_all": "\(authenticator.refusedConnections)",
                ])
        }
        if refused.others > 0 {
            logger.warning(
                "refused connections from further addresses",
                metadata: ["attempts": "\(refused.others)", "in_all": "\(authenticator.refusedConnections)"])
        }
    }
}
