package import Experience

/// Who waits for which learner's state: learners for the word that theirs is on the disk, the coordinator for the
/// moment in which states of ended lifetimes may go. Owned by the coordinator; the bytes are `LearnerCheckpointStore`'s.
package struct LearnerStates {
    /// The last piece of a state, and the learner that sent it.
    package struct Sender: Equatable {
        package let learner: String
        /// What is to be acknowledged.
        package let request: UInt64
    }

    private var underWay: [LifetimeIdentifier: Sender] = [:]
    /// Lifetimes that have ended and whose states lie there until that is written down.
    private var obsolete: [LifetimeIdentifier] = []

    package init() {}

    /// The state is whole and on its way to the disk. The last sender of a lifetime is the one that is answered.
    package mutating func begin(_ lifetime: LifetimeIdentifier, learner: String, request: UInt64) {
        underWay[lifetime] = Sender(learner: learner, request: request)
    }

    /// The state has arrived, or will not: the sender, which is answered once. Nil where no learner waits for it.
    package mutating func arrived(_ lifetime: LifetimeIdentifier) -> Sender? {
        underWay.removeValue(forKey: lifetime)
    }

    /// The lifetime has ended: its state is of no use once that is written down.
    package mutating func retire(_ lifetime: LifetimeIdentifier) { obsolete.append(lifetime) }

    /// What was decided is written down: takes out the lifetimes whose states may go.
    package mutating func takeObsolete() -> [LifetimeIdentifier] {
        defer { obsolete.removeAll(keepingCapacity: true) }
        return obsolete
    }
}
