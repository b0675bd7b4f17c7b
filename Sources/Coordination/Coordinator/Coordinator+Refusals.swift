import Experience
import Experiments
import Logging
import Nodes
import Wire

/// What becomes of streams that their recorder does not take: the lifetime or job is taken up again with higher
/// incarnations, after rests of 0, 0.5, 1, 2, ... and at most 30 s. The ninth refusal in a row ends the run.
extension Coordinator {
    /// So many refusals in a row are borne: the next one ends the run. Failures of environments have the same limit: in
    /// lockstep they count together with refusals, otherwise by themselves for each part.
    package static let refusalLimit = 8
    /// A lifetime that was refused nothing for so long begins a new row.
    package static let refusalMemoryNanoseconds: UInt64 = 300_000_000_000
    /// The first refusal is met at once; each further one doubles the rest before the next attempt.
    package static let firstRestNanoseconds: UInt64 = 500_000_000
    package static let longestRestNanoseconds: UInt64 = 30_000_000_000
    /// No attempt is raised beyond this: no start of the run has given out numbers behind it.
    static let attemptLimit: UInt64 = 1 << 40

    /// A carrier reports that its streams are refused. Reports of carriers that were replaced are ignored: they are
    /// refused rightly.
    func take(_ refused: StreamsRefused, from name: String, now: UInt64, outbox: inout Outbox) throws {
        switch refused.lifetime.collection {
        case .histories: try takeOfLifetime(refused, from: name, now: now, outbox: &outbox)
        case .evaluation: try takeOfJob(refused, from: name, now: now, outbox: &outbox)
        }
    }

    /// Takes the lifetime up again above the incarnation that the report names. Only the part's own carrier counts.
    private func takeOfLifetime(
        _ refused: StreamsRefused, from name: String, now: UInt64, outbox: inout Outbox
    ) throws {
        guard var lifetime = lifetimes[refused.lifetime], lifetime.isLeased,
            let index = lifetime.parts.firstIndex(where: {
                $0.actors.lowerBound == refused.firstActor && $0.incarnation == refused.incarnation && $0.node == name
                    && !$0.isFinished
            })
        else { return }
        if refused.cause == .environment, context.experiment.collect.synchronization != .lockstep {
            return restPart(index, of: lifetime, because: refused, from: name, now: now)
        }
        logger.warning(
            "streams are given up",
            metadata: [
                "lifetime": "\(refused.lifetime)", "carrier": "\(name)", "incarnation": "\(refused.incarnation)",
                "above": "\(refused.above)", "reason": "\(refused.reason)",
            ])
        let count = lifetime.note(refused, now: now)
        if refused.above >> 16 < Self.attemptLimit { lifetime.goAbove(refused.above) }
        lifetimes[refused.lifetime] = lifetime
        guard count <= Self.refusalLimit else { return fail("\(refused.lifetime)", because: refused) }
        takeUpAgain(refused.lifetime, now: now, outbox: &outbox)
        queue.removeAll { $0 == refused.lifetime }
        resting.rest(refused.lifetime, after: count, now: now)
        if refused.cause == .divergence {
            try learnerCheckpoints.remove(refused.lifetime)
            discards.add(refused.lifetime, incarnation: lifetime.attempt << 16, reason: refused.reason)
            orderDiscard(of: refused.lifetime, now: now, outbox: &outbox)
        }
    }

    /// As for a lifetime, for one job of an evaluation: it goes back to the queue, rests, and gets a higher
    /// incarnation.
    private func takeOfJob(
        _ refused: StreamsRefused, from name: String, now: UInt64, outbox: inout Outbox
    ) throws {
        guard let job = jobs.refuse(refused, from: name, limit: Self.attemptLimit << 16, now: now) else { return }
        logger.warning(
            "streams are given up",
            metadata: ["job": "\(refused.lifetime)", "evaluator": "\(name)", "reason": "\(refused.reason)"])
        guard job.refusals <= Self.refusalLimit else { return fail("\(refused.lifetime)", because: refused) }
        if refused.cause == .divergence {
            discards.add(refused.lifetime, incarnation: job.job.incarnation + 1, reason: refused.reason)
            orderDiscard(of: refused.lifetime, now: now, outbox: &outbox)
        }
    }

    /// Ends the run, with the words of the last refusal and where to look.
    private func fail(_ what: String, because refused: StreamsRefused) {
        let reason = refused.reason.isEmpty ? "no reason was given" : refused.reason
        let times = "\(Self.refusalLimit + 1) times"
        guard refused.cause != .environment else {
            return fail("an environment of \(what) failed \(times), the last time because: \(reason)")
        }
        fail(
            "the recorder refused the streams of \(what) \(times) in a row, the last time because: \(reason); look at "
                + "them with `distillery histories verify`")
    }

    /// Lifetimes that have rested, and whose files are out of the way, are the next to be taken up.
    func queueRested(now: UInt64) {
        queue += resting.takeRested(now: now) { discards[$0] == nil }
    }

    // MARK: - Discards

    /// Gives the order to the recorder that is there now, in place of an earlier order.
    func orderDiscard(of identifier: LifetimeIdentifier, now: UInt64, outbox: inout Outbox) {
        guard let order = discards[identifier], let recorder = recorder(of: identifier) else { return }
        if let request = discards.takeBack(identifier) { commands.cancel(request) }
        let message = DiscardStreams(lifetime: identifier, incarnation: order.incarnation, reason: order.reason)
        let request = commands.send(
            .discardStreams(message), to: .peer(recorder.hello.name), now: now, outbox: &outbox)
        discards.given(identifier, as: request)
    }

    /// A command was acknowledged; where it is one of these orders, its lifetime can be leased again. Without that a
    /// lifetime that diverged stays at rest.
    func noteDiscarded(_ request: UInt64) {
        if discards.acknowledge(request) { hasChanged = true }
    }

    // MARK: - Status

    /// What `status` says of how long it will be borne.
    static let lastTime = "the run ends with number \(refusalLimit + 1)"

    /// The lifetime that was refused most often lately, for `status`; nil where none was.
    func refusedNow(now: UInt64) -> Lack? {
        let refused = lifetimes.leased.union(resting.lifetimes).compactMap { lifetimes[$0] }.filter {
            $0.refusals > 0 && now < $0.lastRefusalAt + Self.refusalMemoryNanoseconds
        }
        guard let worst = refused.max(by: { $0.refusals < $1.refusals }) else { return nil }
        return Lack(
            kind: .refusals, whom: recorder(of: worst.identifier)?.hello.name ?? "",
            why: "it to take the streams of \(worst.identifier), which it has refused \(worst.refusals) times "
                + "(\(Self.lastTime)): \(worst.lastRefusal)")
    }
}

extension LeasedLifetime {
    /// It was given up once more, by its recorder or an environment of it: how often that one has done so. Refusals
    /// without a quiet time between them are a row. Failures count all: what is lived again may fail in the same place
    /// again, however long the way there is.
    fileprivate mutating func note(_ refused: StreamsRefused, now: UInt64) -> Int {
        guard refused.cause != .environment else {
            failures += 1
            (lastFailure, lastFailureAt) = (refused.reason, now)
            return failures
        }
        if now >= lastRefusalAt + Coordinator.refusalMemoryNanoseconds { refusals = 0 }
        refusals += 1
        (lastRefusal, lastRefusalAt) = (refused.reason, now)
        return refusals
    }
}
