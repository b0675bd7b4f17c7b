import Environments
import Nodes
import Transport
import Wire

/// How parts begin and are given up: because their environments cannot go on, or because learner or recorder take no
/// more of them from here.
extension ActorRole {
    /// The part begins to act, or is given up where its environments cannot begin. Other errors, such as those of a
    /// source algorithm, are thrown on.
    func start(
        _ part: ActorPart, _ opened: [StreamsOpened.Stream], now: UInt64, outbox: inout Outbox
    ) throws {
        do { try part.start(opened, progress) } catch let failure as EnvironmentFailure {
            giveUp(part, because: failure, now: now, outbox: &outbox)
        }
    }

    /// The part's environments cannot go on: its actors lose the episodes that they are in. The coordinator has the
    /// environment made anew by another process or by this one, after a rest.
    func giveUp(_ part: ActorPart, because failure: EnvironmentFailure, now: UInt64, outbox: inout Outbox) {
        failedEnvironments += 1
        giveUp(
            part, above: part.carry.incarnation, reason: "\(failure)", cause: .environment, now: now, outbox: &outbox)
    }

    /// These streams are not carried from here any more: the part is dropped and the coordinator told, which knows
    /// whether others carry them already.
    /// - Parameters:
    ///   - above: the next attempt's incarnations have to be above this one.
    func giveUp(
        _ part: ActorPart, above: UInt64, reason: String, cause: StreamsRefused.Cause = .refusal, now: UInt64,
        outbox: inout Outbox
    ) {
        refusedParts += cause == .environment ? 0 : 1
        let carry = part.carry
        let isSteady =
            part.batch > 0 && now >= part.firstBatchAt + Self.steadyEnvironmentMilliseconds * nanosecondsPerMillisecond
        reports.send(
            .streamsRefused(
                StreamsRefused(
                    lifetime: carry.lifetime, firstActor: carry.actors.lowerBound, incarnation: carry.incarnation,
                    above: above, reason: reason, cause: cause, wasSteady: isSteady)), to: .coordinator, now: now,
            outbox: &outbox)
        remove(Key(lifetime: carry.lifetime, firstActor: carry.actors.lowerBound))
    }
}
