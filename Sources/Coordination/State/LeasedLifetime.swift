import Environments
import Experience

/// One lifetime from the queue to its end, as the coordinator sees it. A value: `LeaseTable` keeps it, and is told
/// of changes by setting it anew.
///
/// Incarnations are made of two numbers, `(attempt - 1) << 16 | n`: attempt 1 hands out 0, 1, 2, ..., attempt 2
/// 65536, 65537, ... Since attempts are written down before they are leased, none is ever handed out twice,
/// whichever coordinator does it.
struct LeasedLifetime {
    /// An interrupted lifetime goes back from `running` or `ending` to `queued`.
    enum State {
        case queued
        /// Leased to a learner and to actor processes.
        case running
        /// The learner has ended it; streams are being completed.
        case ending
        case finished
    }

    /// Consecutive actors that one process carries, or will.
    struct Part {
        var actors: Range<Int>
        /// Actors from this number on leave an elastic lifetime; nil where none does.
        var retireFrom: Int?
        /// The actor process; nil while it waits for another.
        var node: String?
        /// The number under which its carrier opens streams and joins its learner; a later carrier of the same actors
        /// has a higher one.
        var incarnation: UInt64
        var isFinished = false
        /// These actors began later than the lifetime, or were taken over from another process: they may not have
        /// had the learner's first answer yet, so that they cannot do without a learner.
        var isTakenOver = false
        /// How often in a row their environment has failed, and why it did last.
        var failures = 0
        var lastFailure = ""
        /// No process is given to them before; in nanoseconds of the coordinator's clock.
        var restsUntil: UInt64 = 0

        /// The actors of the part that are not to leave; empty when the part is finished.
        var staying: Range<Int> { isFinished ? 0..<0 : actors.clamped(to: 0..<(retireFrom ?? actors.upperBound)) }
    }

    let identifier: LifetimeIdentifier
    let task: Task
    /// Numbers of actors that were given out: those of a lifetime that is not elastic from the start.
    var actors: Int
    var state = State.queued
    /// How often it was begun.
    var attempt: UInt64 = 0
    /// The node that learns it; nil while it is queued, and where an ending lifetime needs none any more.
    var learner: String?
    /// When its last attempt began, in nanoseconds of the coordinator's clock.
    var leasedAt: UInt64 = 0
    /// Its actors by the processes that carry them, in no order; empty while it is queued, unless it is elastic, and
    /// when it is finished.
    var parts: [Part] = []
    /// What its learner has said at the end; empty once that is written down.
    var numbers: [String: Double] = [:]
    /// When all its actors were first found to have ended, though the lifetime had not.
    var desertedSince: UInt64?
    /// Refusals of its streams by the recorder, and in lockstep failures of its environments, without a quiet time
    /// between them; then the last reason, and when that was.
    var refusals = 0
    var lastRefusal = ""
    /// In lockstep, where an environment's failure costs the whole lifetime: how often that has happened in all, why it
    /// did last, and when.
    var failures = 0
    var lastFailure = ""
    var lastFailureAt: UInt64 = 0
    var lastRefusalAt: UInt64 = 0
    /// Incarnations that the present attempt has given out.
    private var handedOut: UInt64 = 0

    /// The recorder has a stream at this incarnation: those that the next attempt hands out are above it.
    mutating func goAbove(_ incarnation: UInt64) { attempt = max(attempt, (incarnation >> 16) + 1) }

    /// An incarnation that was never handed out before: the attempt is its upper part.
    mutating func nextIncarnation() -> UInt64 {
        defer { handedOut += 1 }
        return (attempt - 1) << 16 | handedOut
    }

    /// The lifetime is begun once more: `ranges` of actors are divided among `places`, which have room for all of
    /// them.
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

    /// Cuts a part in two behind its first `count` actors: the second half waits for another process.
    mutating func split(_ index: Int, at count: Int) {
        let part = parts[index]
        guard part.actors.count > count else { return }
        parts[index].actors = part.actors.prefix(count)
        var rest = part
        rest.actors = part.actors.dropFirst(count)
        parts.insert(rest, at: index + 1)
    }

    /// Nodes hold leases of it.
    var isLeased: Bool { state == .running || state == .ending }

    /// Learner and carriers have all reported their ends.
    var isComplete: Bool { state == .ending && parts.allSatisfy(\.isFinished) }

    init(_ identifier: LifetimeIdentifier, task: Task, actors: Int) {
        self.identifier = identifier
        self.task = task
        self.actors = actors
    }
}
