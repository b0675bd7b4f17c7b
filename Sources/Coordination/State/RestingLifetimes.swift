package import Experience

/// Lifetimes that the recorder has refused and that rest before they are leased again: not at all after the first
/// refusal, then 0.5, 1, 2, ... and at most 30 s. Owned by the coordinator.
package struct RestingLifetimes {
    private var ends: [LifetimeIdentifier: UInt64] = [:]

    package init() {}

    /// In no order.
    package var lifetimes: some Collection<LifetimeIdentifier> { ends.keys }

    /// The lifetime was refused so often in a row, the last time now.
    package mutating func rest(_ lifetime: LifetimeIdentifier, after refusals: Int, now: UInt64) {
        ends[lifetime] = now + Self.rest(after: refusals)
    }

    /// Takes out those that have rested and that nothing else holds back; in no order.
    package mutating func takeRested(
        now: UInt64, where isFree: (LifetimeIdentifier) -> Bool
    ) -> [LifetimeIdentifier] {
        let rested = ends.filter { now >= $0.value && isFree($0.key) }.map(\.key)
        for lifetime in rested { ends[lifetime] = nil }
        return rested
    }

    /// In nanoseconds, of what was refused or has failed so often in a row.
    package static func rest(after refusals: Int) -> UInt64 {
        guard refusals > 1 else { return 0 }
        let doubled = Coordinator.firstRestNanoseconds << UInt64(min(refusals - 2, 16))
        return min(doubled, Coordinator.longestRestNanoseconds)
    }
}
