import Experience
import Logging
import Nodes
import Quantities
import Wire

/// What becomes of actors whose environment failed: another process, or the same, makes the environment anew after
/// rests of 0, 0.5, 1, 2, ... and at most 30 s, and the streams go on as new incarnations, with a new episode. The
/// ninth failure in a row ends the run. A row is over where the actor process says that the environment had brought
/// rollouts for some time: an environment that is killed every few seconds costs episodes, and no run.
///
/// In lockstep no actor gets on without the others, and so the whole lifetime is taken up again, as when its streams
/// are refused.
extension Coordinator {
    /// `status` names a failure until the environment has had so long, after its rest, to begin.
    package static let failureNoticeNanoseconds: UInt64 = 10_000_000_000

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
        lifetime.parts[index].fail(refused, now: now)
        let failures = lifetime.parts[index].failures
        lifetimes[refused.lifetime] = lifetime
        guard failures <= Self.refusalLimit else {
            return fail(
                "an environment of \(refused.lifetime) failed \(failures) times in a row, the last time because: "
                    + refused.reason)
        }
    }

    /// The environment that failed most often lately, for `status`; nil where none did.
    func failingNow(now: UInt64) -> Lack? {
        let failing = failingParts(now: now) + failingLifetimes(now: now) + failingJobs
        guard let (what, times, reason) = failing.max(by: { $0.times < $1.times }) else { return nil }
        return Lack(
            kind: .environment,
            why: "an environment for \(what), which has failed \(times) times (\(Self.lastTime)): \(reason)")
    }

    private typealias Failing = (what: String, times: Int, reason: String)

    private func failingParts(now: UInt64) -> [Failing] {
        lifetimes.leased.compactMap { lifetimes[$0] }.flatMap { lifetime in
            lifetime.parts.filter { $0.failures > 0 && now < $0.restsUntil + Self.failureNoticeNanoseconds }.map {
                ("actors \(NumberText.range($0.actors)) of \(lifetime.identifier)", $0.failures, $0.lastFailure)
            }
        }
    }

    private func failingLifetimes(now: UInt64) -> [Failing] {
        lifetimes.leased.union(resting.lifetimes).compactMap { lifetimes[$0] }.filter {
            let rest = RestingLifetimes.rest(after: $0.failures)
            return $0.failures > 0 && now < $0.lastFailureAt + rest + Self.failureNoticeNanoseconds
        }.map { ("\($0.identifier)", $0.failures, $0.lastFailure) }
    }

    private var failingJobs: [Failing] {
        jobs.all.filter { !$0.isFinished && $0.node == nil && !$0.lastFailure.isEmpty }.map {
            ("\($0.lifetime)", $0.refusals, $0.lastFailure)
        }
    }
}

extension LeasedLifetime.Part {
    /// Its environment has failed once more: it waits for a process, which it gets after a rest.
    fileprivate mutating func fail(_ refused: StreamsRefused, now: UInt64) {
        failures = refused.wasSteady ? 1 : failures + 1
        lastFailure = refused.reason
        restsUntil = now + RestingLifetimes.rest(after: failures)
        node = nil
    }
}
