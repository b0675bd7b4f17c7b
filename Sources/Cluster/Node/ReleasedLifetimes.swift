import Experience
import Wire

/// The last attempt at each lifetime that the coordinator has taken back: a lease that arrives after its release, or once
/// more, is not taken.
struct ReleasedLifetimes {
    private var attempts: [LifetimeIdentifier: UInt64] = [:]

    mutating func add(_ release: ReleaseLifetime) {
        attempts[release.lifetime] = max(release.attempt, attempts[release.lifetime] ?? 0)
    }

    func contains(_ lifetime: LifetimeIdentifier, attempt: UInt64) -> Bool {
        attempts[lifetime].map { $0 >= attempt } ?? false
    }
}
