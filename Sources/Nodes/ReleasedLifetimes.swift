package import Experience
package import Wire

/// The last attempt at each lifetime that the coordinator has taken back: a lease that arrives after its release, or
/// once more, is not taken.
///
/// Kept by actor processes and learners, one entry for each lifetime that they were ever told to let go of.
package struct ReleasedLifetimes {
    private var attempts: [LifetimeIdentifier: UInt64] = [:]

    package init() {}

    /// Remembers the highest attempt that was released.
    package mutating func add(_ release: ReleaseLifetime) {
        attempts[release.lifetime] = max(release.attempt, attempts[release.lifetime] ?? 0)
    }

    /// Whether a lease of this attempt came too late: it, or a later one, was released before.
    package func contains(_ lifetime: LifetimeIdentifier, attempt: UInt64) -> Bool {
        attempts[lifetime].map { $0 >= attempt } ?? false
    }
}
