internal import Experience
import Transport

/// What happens to messages on their way.
package struct NetworkConditions: Sendable {
    /// Nanoseconds, drawn evenly for each message.
    package var delay: ClosedRange<UInt64> = nanosecondsPerMillisecond...(20 * nanosecondsPerMillisecond)
    /// The share of messages that never arrive.
    package var dropped: Float = 0
    /// The share of messages that arrive twice.
    package var duplicated: Float = 0
    /// Whether what one node sends another arrives in order, as on one connection.
    package var keepsOrder = true

    package init() {}
}

/// Carries bytes between named nodes on a manual clock; loses, repeats, delays and cuts as told, always the same way for
/// the same seed and the same calls.
package final class SimulatedNetwork<Node: Hashable & Sendable> {
    package struct Delivery: Sendable {
        package let from: Node
        package let to: Node
        package let bytes: [UInt8]
        /// On the network's clock, in nanoseconds.
        package let moment: UInt64
        /// Sent later, sorted later where two arrive at the same moment.
        fileprivate let number: UInt64

        fileprivate func precedes(_ other: Delivery) -> Bool {
            (moment, number) < (other.moment, other.number)
        }
    }

    package struct Counts: Hashable, Sendable {
        package var sent = 0
        package var delivered = 0
        package var dropped = 0
        package var duplicated = 0
        /// Sent to arrive before what the same node had sent the same one earlier.
        package var reordered = 0
        /// Lost because of a cut.
        package var cut = 0
        /// Lost because its sender or receiver was gone.
        package var forgotten = 0
    }

    package let clock: ManualClock
    package let seed: UInt64
    /// May be changed at any time; applies to what is sent from then on.
    package var conditions: NetworkConditions
    package private(set) var counts = Counts()

    private struct Path: Hashable {
        let from: Node
        let to: Node
    }

    private let random: Philox
    private var cuts: Set<Path> = []
    /// A binary heap: the first is the next to arrive.
    private var underWay: [Delivery] = []
    private var latest: [Path: UInt64] = [:]
    private var numbered: UInt64 = 0

    package init(seed: UInt64, clock: ManualClock, conditions: NetworkConditions = NetworkConditions()) {
        self.seed = seed
        self.clock = clock
        self.conditions = conditions
        random = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))

    }

    // MARK: Messages

    package func send(_ bytes: [UInt8], from: Node, to: Node) {
        counts.sent += 1
        guard !cuts.contains(Path(from: from, to: to)) else {
            counts.cut += 1
            return
        }
        // One block of random words a message, so that its fate does not depend on what became of others.
        let words = random.words(.other, episode: UInt64(counts.sent), step: 0)
        guard Philox.unit(words.x) >= conditions.dropped else {
            counts.dropped += 1
            return
        }
        schedule(bytes, from, to, words.y)
        guard Philox.unit(words.z) < conditions.duplicated else { return }
        counts.duplicated += 1
        schedule(bytes, from, to, words.w)
    }

    package var underWayCount: Int { underWay.count }

    /// When the next message arrives, or nil when none is under way.
    package var nextMoment: UInt64? { underWay.first?.moment }

    /// The next message that has arrived by now, or nil.
    package func receive() -> Delivery? {
        while let first = underWay.first, first.moment <= clock.now {
            removeFirst()
            guard !cuts.contains(Path(from: first.from, to: first.to)) else {
                counts.cut += 1
                continue
            }
            counts.delivered += 1
            return first
        }
        return nil
    }

    /// Moves the clock to the next arrival and returns it; where none comes by `deadline`, moves the clock there.
    package func receive(by deadline: UInt64) -> Delivery? {
        while let moment = nextMoment, moment <= deadline {
            clock.advance(to: moment)
            if let delivery = receive() { return delivery }
        }
        clock.advance(to: deadline)
        return nil
    }

    // MARK: Failures

    /// Nothing passes between `group` and `others` any more, in either direction, not even what is under way.
    package func partition(_ group: Set<Node>, from others: Set<Node>) {
        for one in group {
            for other in others {
                cuts.insert(Path(from: one, to: other))
                cuts.insert(Path(from: other, to: one))
            }
        }
    }

    /// Nothing that `sender` says reaches `receiver` any more; the other way stays open.
    package func cut(from sender: Node, to receiver: Node) { cuts.insert(Path(from: sender, to: receiver)) }

    /// All cuts end; what they swallowed stays lost.
    package func heal() { cuts = [] }

    /// What is under way to and from `node` is lost, as when its process is killed.
    package func forget(_ node: Node) {
        let before = underWay.count
        underWay.removeAll { $0.from == node || $0.to == node }
        underWay.sort { $0.precedes($1) }
        counts.forgotten += before - underWay.count
        latest = latest.filter { $0.key.from != node && $0.key.to != node }
    }

    /// Puts something that has arrived back, to arrive again later.
    package func put(_ bytes: [UInt8], from: Node, to: Node, at moment: UInt64) {
        counts.delivered -= 1
        numbered += 1
        underWay.append(Delivery(from: from, to: to, bytes: bytes, moment: moment, number: numbered))
        rise(from: underWay.count - 1)
    }

    private func schedule(_ bytes: [UInt8], _ from: Node, _ to: Node, _ word: UInt32) {
        let span = conditions.delay.upperBound - conditions.delay.lowerBound
        var moment = clock.now + conditions.delay.lowerBound + UInt64(Float(span) * Philox.unit(word))
        let path = Path(from: from, to: to)
        if !conditions.keepsOrder, moment < latest[path] ?? 0 { counts.reordered += 1 }
        if conditions.keepsOrder { moment = max(moment, latest[path] ?? 0) }
        latest[path] = max(moment, latest[path] ?? 0)
        numbered += 1
        let delivery = Delivery(from: from, to: to, bytes: bytes, moment: moment, number: numbered)
        underWay.append(delivery)
        rise(from: underWay.count - 1)
    }

    private func rise(from start: Int) {
        var index = start
        while index > 0 {
            let above = (index - 1) / 2
            guard underWay[index].precedes(underWay[above]) else { return }
            underWay.swapAt(index, above)
            index = above
        }
    }

    private func removeFirst() {
        let last = underWay.removeLast()
        guard !underWay.isEmpty else { return }
        underWay[0] = last
        var index = 0
        while true {
            var least = index
            for below in [2 * index + 1, 2 * index + 2] where below < underWay.count {
                if underWay[below].precedes(underWay[least]) { least = below }
            }
            guard least != index else { return }
            underWay.swapAt(index, least)
            index = least
        }
    }
}
