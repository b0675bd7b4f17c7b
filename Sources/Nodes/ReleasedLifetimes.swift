package import Experience
package import Wire

/// The last attempt at each lifetime that the coordinator has taken back: a lease that arrives after its release, or once
/// more, is not taken.
package struct ReleasedLifetimes {
    private var attempts: [LifetimeIdentifier: UInt64] = [:]

    package init() {}

    package mutating func add(_ release: ReleaseLifetime) {
        attempts[release.lifetime] = max(release.attempt, attempts[release.lifetime] ?? 0)
    }

    package func contains(_ lifetime: LifetimeIdentifier, attempt: UInt64) -> Bool {
        attempts[lifetime].map { $0 >= attempt } ?? false
    }
}
