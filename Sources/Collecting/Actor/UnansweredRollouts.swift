import Nodes

/// The batches of a part that its learner has not answered, and how many of them there may be.
///
/// In lockstep that is one. Asynchronously it is two, which keep a learner nearby busy, and more for one that is far
/// away: enough that batches are made while others travel, so that a delay costs latency and no throughput. As in TCP
/// Vegas the delay is the shortest round trip that was seen, and what comes on top of it is time in queues. The limit is
/// looked at once in a round trip:
///
/// - It falls by an eighth where more than an eighth of the batches were stale when they were answered, further behind
///   than `collect.maximum_policy_lag` updates: what cannot be learnt from is not worth being early.
/// - It falls by one where the soonest answer took more than three times as long as the shortest: more would only wait
///   before the learner. What held up the others is a stall, which passes.
/// - It grows where there were as many as there may be, none was stale, and the soonest answer took no more than half as
///   long again as the shortest: by half of itself until it has once not grown, then by one.
///
/// A part that lives through a change of its route keeps the shorter delay for its measure, and is slower than it
/// could be on the longer one.
package struct UnansweredRollouts {
    /// While one is on its way, the next is made.
    package static let fewest = 2
    /// A bound for whatever delay and rate: at 20 ms each way a dozen are enough.
    package static let most = 256
    /// Below it answers wait for turns of processes, not for a network, and two batches are enough.
    package static let shortestDelayNanoseconds: UInt64 = 1_000_000

    private struct Batch {
        let number: UInt64
        /// As it was encoded, so that sending it again costs no work.
        let bytes: [UInt8]
        /// Of the policy that acted.
        let version: UInt64
        /// When it was sent; nil once it was sent again, for an answer does not say which of the two it is for.
        var sent: UInt64?
    }

    /// In the order in which they were made.
    private var batches: [Batch] = []
    /// Batches that may be unanswered.
    package private(set) var limit: Int
    /// Nil where the limit is fixed.
    private let maximumPolicyLag: UInt64?
    /// The shortest round trip of all, in nanoseconds.
    private var shortest = UInt64.max
    /// Of the present round trip: how long the soonest answer took, how many came, and how many of them were for what
    /// was stale.
    private var soonest = UInt64.max
    private var answers = 0
    private var stale = 0
    /// The present round trip ends with the answer to this batch, or to a later one.
    private var roundEnd: UInt64 = 0
    private var lastNumber: UInt64 = 0
    /// In this round trip there were as many as there may be.
    private var wasFull = false
    /// The limit has grown in each round trip.
    private var isStarting = true
    /// Only the first were sent again: the learner's answer will tell whether it has the rest.
    private var isProbing = false

    /// - Parameter maximumPolicyLag: `collect.maximum_policy_lag`; nil in lockstep.
    package init(maximumPolicyLag: Int?) {
        self.maximumPolicyLag = maximumPolicyLag.map { UInt64(max($0, 0)) }
        limit = maximumPolicyLag == nil ? 1 : Self.fewest
    }

    package var count: Int { batches.count }
    package var isEmpty: Bool { batches.isEmpty }
    /// Bytes of those beyond what every part may have.
    package private(set) var extraBytes = 0

    /// Whether another may be made. `isCrowded`: all parts together have as many bytes on their way as they may, and
    /// only the fewest are allowed.
    package func hasRoom(isCrowded: Bool) -> Bool { count < (isCrowded ? min(limit, Self.fewest) : limit) }

    /// A batch was made under the policy `version`, and is sent.
    package mutating func append(_ bytes: [UInt8], number: UInt64, version: UInt64, now: UInt64) {
        batches.append(Batch(number: number, bytes: bytes, version: version, sent: now))
        lastNumber = number
        wasFull = wasFull || count >= limit
        countExtraBytes()
    }

    /// The learner has every batch up to `number`, and is at policy `version`. Gives back whether that is news.
    package mutating func answer(_ number: UInt64, version: UInt64, now: UInt64) -> Bool {
        let answered = batches.prefix { $0.number <= number }
        guard let last = answered.last else { return false }
        batches.removeFirst(answered.count)
        countExtraBytes()
        if let sent = last.sent, maximumPolicyLag != nil {
            note(last.number, time: now - min(now, sent), lag: version - min(version, last.version))
        }
        return true
    }

    /// What is to be sent again to a learner that owes an answer: the first ones, which make it say what it has.
    package mutating func probe() -> [[UInt8]] {
        for index in batches.indices { batches[index].sent = nil }
        isProbing = count > Self.fewest
        return batches.prefix(Self.fewest).map(\.bytes)
    }

    /// The learner has said what it has: what it lacks nevertheless, where only the first ones were sent again.
    package mutating func takeRest() -> [[UInt8]] {
        guard isProbing else { return [] }
        isProbing = false
        return batches.map(\.bytes)
    }

    private mutating func countExtraBytes() {
        extraBytes = batches.dropFirst(Self.fewest).reduce(0) { $0 + $1.bytes.count }
    }

    /// An answer came `time` nanoseconds after its batch was sent.
    private mutating func note(_ number: UInt64, time: UInt64, lag: UInt64) {
        shortest = min(shortest, time)
        soonest = min(soonest, time)
        answers += 1
        if lag > maximumPolicyLag ?? .max { stale += 1 }
        guard number >= roundEnd else { return }
        adjust()
        (soonest, answers, stale) = (.max, 0, 0)
        wasFull = false
        roundEnd = lastNumber + 1
    }

    /// Looks at what the round trip was like.
    private mutating func adjust() {
        let old = limit
        if stale * 8 > answers {
            limit -= max(1, limit / 8)
        } else if soonest / 3 > shortest {
            limit -= 1
        } else if wasFull, stale == 0, shortest >= Self.shortestDelayNanoseconds, soonest <= shortest / 2 * 3 {
            limit += isStarting ? limit / 2 : 1
        }
        limit = min(max(limit, Self.fewest), Self.most)
        isStarting = isStarting && limit > old
    }
}
