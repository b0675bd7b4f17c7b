import Experience
package import Logging
package import Wire

/// What an actor process was told to be durable, in its log, so that a drill, which has no part in the cluster, can
/// compare it with the files afterwards.
package enum AcknowledgementLog {
    private static let mark = "durable:"

    /// One line at the level `debug`, for each message of the recorder.
    package static func write(_ durable: RolloutsDurable, to logger: Logger) {
        logger.debug("\(line(durable))")
    }

    private static func line(_ durable: RolloutsDurable) -> Logger.Message {
        let streams = durable.streams.map {
            "\(StreamIdentifier(lifetime: durable.lifetime, actor: $0.actor).path)=\($0.nextSequence)=\($0.incarnation)"
        }
        return "\(mark) \(streams.joined(separator: " "))"
    }

    /// The highest sequence of each stream (its file's path) and incarnation.
    static func read(_ line: Substring, into highest: inout [String: [UInt64: UInt64]]) {
        guard let range = line.firstRange(of: mark) else { return }
        for item in line[range.upperBound...].split(separator: " ") {
            let pair = item.split(separator: "=")
            guard pair.count == 3, let next = UInt64(pair[1]), let incarnation = UInt64(pair[2]) else { continue }
            highest[String(pair[0]), default: [:]][incarnation, default: 0].raise(to: next)
        }
    }
}

extension UInt64 {
    fileprivate mutating func raise(to value: UInt64) { self = Swift.max(self, value) }
}
