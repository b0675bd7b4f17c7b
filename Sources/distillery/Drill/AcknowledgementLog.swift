import Environments
import Logging
import Wire

/// What an actor process was told to be durable, in its log, so that it can be compared with the files afterwards by
/// somebody who has no part in the cluster.
enum AcknowledgementLog {
    private static let mark = "durable:"

    static func write(_ durable: RolloutsDurable, to logger: Logger) {
        logger.debug("\(line(durable))")
    }

    private static func line(_ durable: RolloutsDurable) -> Logger.Message {
        let streams = durable.streams.map {
            StreamIdentifier(lifetime: durable.lifetime, actor: $0.actor).path + "=" + String($0.nextSequence)
        }
        return "\(mark) \(streams.joined(separator: " "))"
    }

    static func read(_ line: Substring, into highest: inout [String: UInt64]) {
        guard let range = line.firstRange(of: mark) else { return }
        for item in line[range.upperBound...].split(separator: " ") {
            let pair = item.split(separator: "=")
            guard pair.count == 2, let next = UInt64(pair[1]) else { continue }
            highest[String(pair[0]), default: 0] = max(next, highest[String(pair[0])] ?? 0)
        }
    }
}
