import Experience
import Logging
import Nodes
import Quantities
import Wire

/// What becomes of actors whose environment failed: another process, or the same, makes the environment anew after
/// rests of 0, 0.5, 1, 2, ... and at most 30 s, and the streams go on as new incarnations, with a new episode. The
/// ninth failure in a row ends the run.
///
/// In lockstep no actor gets on without the others, and so the whole lifetime is taken up again, as when its streams
/// are refused.
extension Coordinator {
    /// An environment that has gone on for so long begins a new row of failures.
    package static let failureMemoryNanoseconds: UInt64 = 60_000_000_000

    /// The actors of the part `index` wait for an environment. Other actors of the lifetime go on meanwhile.
    func restPart(
        _ index: Int, of lifetime: LeasedLifetime, because refused: StreamsRefused, from name: String, now: UInt64
    ) {
        logger.warning(
            "an environment failed",
            metadata: [
                "lifetime": "\(refused.lifetime)", "carrier": "\(name)", "first_actor": "\(refused.firstActor)",
                "reason": "\(refused.reason)",
            ])
        var lifetime = lifetime
        lifetime.parts[index].fail(refused.reason, now: now)
        let failures = lifetime.parts[index].failures
        lifetimes[refused.lifetime] = lifetime
        guard failures <= Self.refusalLimit else {
            return fail(
                "an environment of \(refused.lifetime) failed \(failures) times in a row, the last time because: "
                    + refused.reason)
        }
    }

    /// The environment that failed most often in a row, for `status`; nil where none is being made anew.
    func failingNow(now: UInt64) -> Lack? {
        let resting = lifetimes.orphaned.compactMap { lifetimes[$0] }.flatMap { lifetime in
            lifetime.parts.filter { $0.node == nil && $0.failures > 0 }.map { (lifetime.identifier, $0) }
        }
        guard let (identifier, part) = resting.max(by: { $0.1.failures < $1.1.failures }) else { return nil }
        return Lack(
            kind: .environment,
            why: "an environment for actors \(NumberText.range(part.actors)) of \(identifier), which has failed "
                + "\(part.failures) times (\(Self.lastTime)): \(part.lastFailure)")
    }
}

extension LeasedLifetime.Part {
    /// Its environment has failed once more: it waits for a process, which it gets after a rest.
    fileprivate mutating func fail(_ reason: String, now: UInt64) {
        if now >= restsUntil + Coordinator.failureMemoryNanoseconds { failures = 0 }
        failures += 1
        lastFailure = reason
        restsUntil = now + RestingLifetimes.rest(after: failures)
        node = nil
    }
}
