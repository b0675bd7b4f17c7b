import Environments
import Experience

/// One lifetime from the queue to its end, as the coordinator sees it.
struct LeasedLifetime {
    enum State {
        case queued
        case running
        /// The learner has ended it; streams are being completed.
        case ending
        case finished
    }

    struct Part {
        var actors: Range<Int>
        /// Actors from this number on leave an elastic lifetime; nil where none does.
        var retireFrom: Int?
        /// The actor process; nil while it waits for another.
        var node: String?
        var incarnation: UInt64
        var isFinished = false
        /// They began later than the lifetime, or were taken over: they may not have had the learner's word yet.
        var isTakenOver = false

        /// Those that stay.
        var staying: Range<Int> { isFinished ? 0..<0 : actors.clamped(to: 0..<(retireFrom ?? actors.upperBound)) }
    }

    let identifier: LifetimeIdentifier
    let task: Task
    /// Numbers of actors that were given out: those of a lifetime that is not elastic from the start.
    var actors: Int
    var state = State.queued
    /// How often it was begun.
    var attempt: UInt64 = 0
    var learner: String?
    var leasedAt: UInt64 = 0
    var parts: [Part] = []
    var numbers: [String: Double] = [:]
    /// When all its actors were first found to have ended, though the lifetime had not.
    var desertedSince: UInt64?
    /// Refusals of its streams by the recorder without a quiet time between them, the last reason, and when that was.
    var refusals = 0
    var lastRefusal = ""
    var lastRefusalAt: UInt64 = 0
    private var handedOut: UInt64 = 0

    /// Incarnations that are handed out from the next attempt on are above this one.
    mutating func goAbove(_ incarnation: UInt64) { attempt = max(attempt, (incarnation >> 16) + 1) }

    /// Incarnations are given out once only: the attempt is their upper part.
    mutating func nextIncarnation() -> UInt64 {
        defer { handedOut += 1 }
        return (attempt - 1) << 16 | handedOut
    }

    /// Begun once more, with these actors at these places, which are enough.
    mutating func begin(_ ranges: [Range<Int>], at places: [(node: String, count: Int)]) {
        attempt += 1
        handedOut = 0
        desertedSince = nil
        parts = []
        state = .running
        var places = places[...]
        for range in ranges {
            var rest = range
            while !rest.isEmpty, let (node, room) = places.popFirst() {
                let count = min(room, rest.count)
                parts.append(Part(actors: rest.prefix(count), node: node, incarnation: nextIncarnation()))
                rest = rest.dropFirst(count)
                if room > count { places = [(node, room - count)] + places }
            }
        }
    }

    /// Actors that take part, of all parts.
    var staying: Int { parts.reduce(0) { $0 + $1.staying.count } }

    /// The second half of a part waits for another process, as the first one does.
    mutating func split(_ index: Int, at count: Int) {
        let part = parts[index]
        guard part.actors.count > count else { return }
        parts[index].actors = part.actors.prefix(count)
        var rest = part
        rest.actors = part.actors.dropFirst(count)
        parts.insert(rest, at: index + 1)
    }

    /// Others hold leases of it.
    var isLeased: Bool { state == .running || state == .ending }

    var isComplete: Bool { state == .ending && parts.allSatisfy(\.isFinished) }

    init(_ identifier: LifetimeIdentifier, task: Task, actors: Int) {
        self.identifier = identifier
        self.task = task
        self.actors = actors
    }
}
