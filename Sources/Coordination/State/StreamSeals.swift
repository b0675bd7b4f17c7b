package import Experience

/// Which streams' files are complete, and which are still waited for though their lifetimes have ended. Owned by the
/// coordinator, which orders the seals and writes down what is told here.
///
/// A stream is settled when its recorder has sealed it or given it up; either may come before the end of its lifetime.
package struct StreamSeals {
    /// Streams of ended lifetimes whose files the recorder has not called complete; no lifetime has an empty set.
    private var awaited: [LifetimeIdentifier: Set<Int>] = [:]
    /// Complete files of lifetimes that have not ended.
    private var early: [LifetimeIdentifier: Set<Int>] = [:]
    /// Streams whose recorder has given them up, with the reason.
    package private(set) var quarantined: [StreamIdentifier: String]

    /// `quarantined`: by earlier starts of the run.
    package init(quarantined: [StreamIdentifier: String] = [:]) { self.quarantined = quarantined }

    /// Nothing is waited for.
    package var areComplete: Bool { awaited.isEmpty }
    /// Streams that are waited for.
    package var awaitedStreams: Int { awaited.values.reduce(0) { $0 + $1.count } }
    /// Lifetimes of which streams are waited for; in no order.
    package var awaitedLifetimes: some Collection<LifetimeIdentifier> { awaited.keys }

    /// Actors of the lifetime whose streams are waited for, in ascending order.
    package func awaited(of lifetime: LifetimeIdentifier) -> [Int] { awaited[lifetime]?.sorted() ?? [] }

    /// What an earlier start of the run knows to be complete.
    package mutating func recall(_ actors: Set<Int>, of lifetime: LifetimeIdentifier) { early[lifetime] = actors }

    /// The lifetime has ended: those of these streams are waited for that are not settled yet.
    package mutating func expect(_ actors: Range<Int>, of lifetime: LifetimeIdentifier) {
        let missing = Set(actors).subtracting(early.removeValue(forKey: lifetime) ?? [])
        if !missing.isEmpty { awaited[lifetime] = missing }
    }

    /// The file of a stream is complete, or given up. `isOpen`: its lifetime has not ended, so that the stream may be
    /// waited for later.
    package mutating func settle(_ actor: Int, of lifetime: LifetimeIdentifier, isOpen: Bool) {
        if awaited[lifetime] != nil {
            awaited[lifetime]?.remove(actor)
            if awaited[lifetime]?.isEmpty == true { awaited[lifetime] = nil }
        } else if isOpen {
            early[lifetime, default: []].insert(actor)
        }
    }

    /// The recorder has given the stream up; false where it has said so before.
    package mutating func quarantine(_ stream: StreamIdentifier, reason: String) -> Bool {
        quarantined.updateValue(reason, forKey: stream) == nil
    }
}
