import Wire

/// What is said once more or refused. A cluster in which that does not stop is a storm.
package final class Traffic {
    private struct Path: Hashable {
        let sender: String
        let receiver: String
    }

    private static let windowNanoseconds: UInt64 = 1_000_000_000
    /// A node that is told no again within this time is still being refused.
    private static let pauseNanoseconds: UInt64 = 5_000_000_000
    static let longRefusalNanoseconds: UInt64 = 25_000_000_000
    private static let rolloutsBody = 32
    private static let failureBody = 14

    /// On a network that loses one message in seven and keeps no order, two carriers whose recorder had no room send what is
    /// on its way again ten times a second: 530 in the worst of thousands of disturbed runs. The sum is several times what
    /// the worst of them needs.
    private static let limitOfSecond = 1000
    private static let limitPerSecond = 20.0
    private static let allowance = 3000.0

    /// Rollouts that their sender had sent the same receiver before.
    package private(set) var repeated = 0
    package private(set) var refused = 0
    /// The most of both that were sent within one simulated second.
    package private(set) var worstSecond = 0
    /// How often each node was told no.
    package private(set) var refusals: [String: Int] = [:]
    /// Since when each node has been told no, and when it was told so last.
    private var refusedSince: [String: (first: UInt64, last: UInt64)] = [:]
    private var sent: [Path: Set<Int>] = [:]
    private var window: UInt64 = 0
    private var inWindow = 0

    package init() {}

    /// Why this was more than a cluster in trouble has to say; nil when it was not.
    func storm(seconds: Double) -> String? {
        let sum = Double(repeated + refused)
        guard worstSecond > Self.limitOfSecond || sum > Self.limitPerSecond * seconds + Self.allowance else {
            return nil
        }
        return "a storm: \(repeated) rollouts were sent again and \(refused) messages refused in \(seconds) s, "
            + "\(worstSecond) within one; most often \(refusals.max { $0.value < $1.value }?.key ?? "nobody")"
    }

    /// Nodes that have been told no again and again for so long that their user has to know.
    func refusedForLong(now: UInt64) -> [String] {
        refusedSince.filter {
            now < $0.value.last + Self.pauseNanoseconds && now >= $0.value.first + Self.longRefusalNanoseconds
        }.keys.sorted()
    }

    func note(_ bytes: [UInt8], from sender: String, to receiver: String, now: UInt64) {
        switch bodyNumber(of: bytes) {
        case Self.rolloutsBody:
            guard !sent[Path(sender: sender, receiver: receiver), default: []].insert(bytes.hashValue).inserted else {
                return
            }
            repeated += 1
        case Self.failureBody:
            refused += 1
            refusals[receiver, default: 0] += 1
            let earlier = refusedSince[receiver].flatMap { now < $0.last + Self.pauseNanoseconds ? $0.first : nil }
            refusedSince[receiver] = (earlier ?? now, now)
        default: return
        }
        if now / Self.windowNanoseconds != window { inWindow = 0 }
        window = now / Self.windowNanoseconds
        inWindow += 1
        worstSecond = max(worstSecond, inWindow)
    }
}
