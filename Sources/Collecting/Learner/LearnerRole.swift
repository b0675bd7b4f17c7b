import Agents
import Distillation
import Environments
import Experience
import Experiments
package import Nodes
package import Wire

/// Learns one or several lifetimes at once from the rollouts that actor processes send, and answers with what they
/// act by.
///
/// Updates are made while a message is taken: there is no `work`. A lifetime is leased with its number of attempts
/// and the size of the state that it goes on from; where there is one, the learner first fetches it from the
/// coordinator, and joins of actors are passed over in silence until it is there. Every
/// `cluster.learner_checkpoint_seconds` the state of each lifetime goes to the coordinator, one at a time. A lifetime whose
/// policy is evaluated leaves that to the coordinator before its end is reported (`PolicyUploads`).
package final class LearnerRole: Role {
    package let name = RoleName.learner
    /// Lifetimes that it can learn at once; 0 lets the coordinator take the experiment's number.
    package let capacity: Int
    package let progress: WorkProgress? = WorkProgress()

    private var context: ExperimentContext?
    /// Nil where the coordinator gives no tickets out.
    private var tickets: LeaseTickets?
    /// Lifetimes that it learns now; those whose state is still on its way are in `downloads`.
    private var lifetimes: [LifetimeIdentifier: LearntLifetime] = [:]
    /// To the coordinator: ends of lifetimes and pieces of states, again until each is acknowledged.
    private var reports = ReliableSender()
    /// Policies of ended lifetimes that the coordinator has not stored.
    private var policies = PolicyUploads()
    /// Lifetimes whose end was reported, or waits for its policy, so that it is reported once.
    private var reported: Set<LifetimeIdentifier> = []
    /// When each lifetime's next checkpoint is due; none is made while one is on its way.
    private var nextCheckpoint: [LifetimeIdentifier: UInt64] = [:]
    /// States that the coordinator has not got whole; at most one of each lifetime.
    private var checkpointsOnTheirWay: [LifetimeIdentifier: StateUpload] = [:]
    /// Leases that wait for the state that they go on from.
    private var downloads: [LifetimeIdentifier: StateDownload] = [:]
    /// Number of the last request for a state. It begins at 2^32 and so is none of `reports`' numbers.
    private var lastDownload: UInt64 = 1 << 32
    /// Attempts that were taken back, so that a lease of one that comes late is not taken.
    private var released = ReleasedLifetimes()
    private var isDraining = false
    /// Whether the last checkpoints were taken since the learner was asked to leave.
    private var hasTicked = false
    /// Counters of the lifetimes that have left this learner, so that its totals never fall.
    private var past: [String: Double] = [:]
    private var refusedMessages = 0

    package init(capacity: Int) { self.capacity = capacity }

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        tickets = LeaseTickets(secret: welcome.ticketSecret)
        if let context { return try context.check(isStill: welcome.experiment, in: welcome.folder) }
        context = try ExperimentContext(yaml: welcome.experiment, folder: welcome.folder)
    }

    /// Its last states and reports have arrived by then.
    package var isFinished: Bool { isDraining && hasTicked && reports.isEmpty && policies.isEmpty }

    /// Leaves checkpoints behind to go on from.
    package func drain(now: UInt64) {
        isDraining = true
        for lifetime in lifetimes.values { lifetime.wantCheckpoint() }
    }

    /// Counters stay, as `past`. The states that the coordinator has are all that the next learners go on from.
    package func forgetLeases(now: UInt64) {
        for lifetime in lifetimes.values { past.merge(lifetime.numbers, uniquingKeysWith: +) }
        lifetimes = [:]
        reported = []
        checkpointsOnTheirWay = [:]
        downloads = [:]
        policies = PolicyUploads()
        reports = ReliableSender()
    }

    /// Nanoseconds between two states of one lifetime, `cluster.learner_checkpoint_seconds`.
    private var checkpointInterval: UInt64 {
        UInt64(context?.experiment.cluster.learnerCheckpointSeconds ?? 1) * 1_000_000_000
    }

    package var numbers: [String: Double] {
        var numbers = past
        for lifetime in lifetimes.values { numbers.merge(lifetime.numbers, uniquingKeysWith: +) }
        // Means do not add up.
        numbers["mean_policy_lag"] = mean { ($0["mean_policy_lag"] ?? 0, $0["transitions_learnt"] ?? 0) }
        numbers["maximum_policy_lag"] = lifetimes.values.compactMap { $0.numbers["maximum_policy_lag"] }.max() ?? 0
        for measure in numbers.keys where measure.hasPrefix("mean_") && measure != "mean_policy_lag" {
            numbers[measure] = nil
        }
        numbers["lifetimes"] = Double(lifetimes.count)
        numbers["refused_messages"] = Double(refusedMessages)
        return numbers
    }

    /// Over the lifetimes that are being learnt now. Weighted, and 0 where the weights are all 0.
    private func mean(_ valueAndWeight: ([String: Double]) -> (value: Double, weight: Double)) -> Double {
        let pairs = lifetimes.values.map { valueAndWeight($0.numbers) }
        let weight = pairs.reduce(0) { $0 + $1.weight }
        return weight == 0 ? 0 : pairs.reduce(0) { $0 + $1.value * $1.weight } / weight
    }

    package func waiting(now: UInt64) -> Waiting? {
        var waits = lifetimes.values.compactMap { lifetime in
            lifetime.missing.map {
                Waiting(for: $0.whom, why: $0.what, since: lifetime.lastHeard, now: now)
            }
        }
        if let (lifetime, since) = policies.oldest {
            waits.append(
                Waiting(for: "the coordinator", why: "what \(lifetime) has learnt to be stored", since: since, now: now)
            )
        }
        return waits.max { $0.milliseconds < $1.milliseconds }
    }

    package var learning: [LearningReport] {
        lifetimes.values.map(\.report).sorted {
            ($0.lifetime.task, $0.lifetime.repetition) < ($1.lifetime.task, $1.lifetime.repetition)
        }
    }

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        switch envelope.message {
        case .acknowledgement where sender == .coordinator:
            reports.acknowledge(envelope.request, by: sender)
            noteAcknowledged(envelope.request, now: now, outbox: &outbox)
            if let end = policies.acknowledge(envelope.request, now: now, outbox: &outbox) {
                reports.send(.lifetimeFinished(end), to: .coordinator, now: now, outbox: &outbox)
            }
        case .checkpointPiece(let piece) where sender == .coordinator: try take(piece, now: now, outbox: &outbox)
        case .failure(let reason) where sender == .coordinator:
            try policies.refuse(envelope.request, reason: reason, now: now)
            try noteFailed(envelope.request, now: now, outbox: &outbox)
        case .learnLifetime(let lease) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            if !isDraining { try take(lease, now: now, outbox: &outbox) }
        case .releaseLifetime(let release) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            self.release(release)
        case .joinLifetime(let join):
            guard let lifetime = lifetimes[join.lifetime], lifetime.lease.attempt == join.attempt else {
                guard isOver(join.lifetime, attempt: join.attempt) else {
                    // Not yet leased to us: the sender asks again.
                    return outbox.noteDisregard()
                }
                let reason = "\(join.lifetime): attempt \(join.attempt) is over, or its learner is another by now"
                return refuse(reason, sender, envelope.request, outbox: &outbox)
            }
            let isLeased =
                tickets?.isValid(
                    join.ticket, for: join.lifetime, actors: join.actors, incarnation: join.incarnation, holder: sender)
                ?? true
            guard isLeased else {
                let reason =
                    "\(join.lifetime): actors \(join.actors) are not leased to \(sender), or to another learner"
                return refuse(reason, sender, envelope.request, outbox: &outbox)
            }
            if let refusal = lifetime.join(join, from: sender, outbox: &outbox) {
                return refuse(refusal, sender, envelope.request, outbox: &outbox)
            }
            lifetime.lastHeard = now
        case .rollouts(let rollouts): try take(rollouts, from: sender, now: now, outbox: &outbox)
        case .failure:
            refusedMessages += 1
            outbox.noteRefusal()
        default:
            refusedMessages += 1
            outbox.send(.failure("a learner does not take this message"), to: sender, request: envelope.request)
        }
    }

    /// Whether the attempt, or a later one, was taken back, or a later one is leased to us.
    private func isOver(_ lifetime: LifetimeIdentifier, attempt: UInt64) -> Bool {
        let leased = lifetimes[lifetime]?.lease.attempt ?? downloads[lifetime]?.lease.attempt
        return released.contains(lifetime, attempt: attempt) || leased.map { $0 > attempt } ?? false
    }

    /// Answers with a failure, and counts it.
    private func refuse(_ reason: String, _ sender: Address, _ request: UInt64 = 0, outbox: inout Outbox) {
        refusedMessages += 1
        outbox.send(.failure(reason), to: sender, request: request)
    }

    /// A lifetime is leased; the learner first fetches its state, where there is one.
    private func take(_ lease: LearnLifetime, now: UInt64, outbox: inout Outbox) throws {
        if let current = lifetimes[lease.lifetime], current.lease.attempt >= lease.attempt { return }
        if released.contains(lease.lifetime, attempt: lease.attempt) { return }
        if let waiting = downloads[lease.lifetime], waiting.lease.attempt >= lease.attempt { return }
        reported.remove(lease.lifetime)
        forget(lease.lifetime)
        guard lease.stateBytes > 0 else { return try begin(lease, from: [], now: now, outbox: &outbox) }
        lastDownload += 1
        downloads[lease.lifetime] = StateDownload(lease, request: lastDownload)
        downloads[lease.lifetime]?.tick(now: now, outbox: &outbox)
    }

    /// Goes on from a state; from the beginning, and says why, where it cannot be used.
    private func begin(_ lease: LearnLifetime, from state: [UInt8], now: UInt64, outbox: inout Outbox) throws {
        guard let context else { return }
        downloads[lease.lifetime] = nil
        nextCheckpoint[lease.lifetime] = now + checkpointInterval
        do {
            try begin(lease, state, context, now: now)
        } catch  where !state.isEmpty {
            outbox.send(
                .failure("\(lease.lifetime) begins anew, for its learner's state cannot be used: \(error)"),
                to: .coordinator)
            try begin(lease, [], context, now: now)
        }
    }

    private func begin(
        _ lease: LearnLifetime, _ state: [UInt8], _ context: ExperimentContext, now: UInt64
    ) throws {
        lifetimes[lease.lifetime] = try LearntLifetime(
            lease: lease, state: state, context: context, progress: progress, now: now)
    }

    /// Pieces of states that are not waited for are ignored.
    private func take(_ piece: CheckpointPiece, now: UInt64, outbox: inout Outbox) throws {
        guard
            let identifier = downloads.keys.first(where: { LearnerStateFile.name(of: $0) == piece.checkpoint }),
            var download = downloads[identifier]
        else { return }
        download.take(piece)
        if !download.isComplete { download.tick(now: now, outbox: &outbox) }
        downloads[identifier] = download
        guard download.isComplete else { return }
        try begin(download.lease, from: download.bytes, now: now, outbox: &outbox)
    }

    /// The next piece of a state follows the one that has arrived.
    private func noteAcknowledged(_ request: UInt64, now: UInt64, outbox: inout Outbox) {
        guard let identifier = checkpointsOnTheirWay.first(where: { $0.value.request == request })?.key else { return }
        checkpointsOnTheirWay[identifier]?.acknowledge()
        if checkpointsOnTheirWay[identifier]?.isComplete == true {
            checkpointsOnTheirWay[identifier] = nil
        } else {
            sendPiece(of: identifier, now: now, outbox: &outbox)
        }
    }

    /// Sends the piece that is next, until it is acknowledged.
    private func sendPiece(of identifier: LifetimeIdentifier, now: UInt64, outbox: inout Outbox) {
        guard let upload = checkpointsOnTheirWay[identifier] else { return }
        checkpointsOnTheirWay[identifier]?.request = reports.send(
            .learnerCheckpoint(upload.piece), to: .coordinator, now: now, outbox: &outbox)
    }

    /// A report or a piece that the coordinator will not take, or a state that it has not any more.
    private func noteFailed(_ request: UInt64, now: UInt64, outbox: inout Outbox) throws {
        if reports.refuse(request, by: .coordinator) {
            // The next state that is due takes its place.
            checkpointsOnTheirWay = checkpointsOnTheirWay.filter { $0.value.request != request }
        } else if let download = downloads.values.first(where: { $0.request == request }) {
            try begin(download.lease, from: [], now: now, outbox: &outbox)
        } else {
            refusedMessages += 1
        }
    }

    /// The coordinator has taken a lifetime back: it has ended, or is at a later attempt.
    private func release(_ release: ReleaseLifetime) {
        released.add(release)
        if let waiting = downloads[release.lifetime], waiting.lease.attempt <= release.attempt {
            downloads[release.lifetime] = nil
        }
        guard let lifetime = lifetimes[release.lifetime], lifetime.lease.attempt <= release.attempt else { return }
        past.merge(lifetime.numbers, uniquingKeysWith: +)
        reported.remove(release.lifetime)
        forget(release.lifetime)
    }

    /// Rollouts of another attempt count against their sender and get no answer: the coordinator tells the sender of
    /// the new one.
    private func take(_ rollouts: Rollouts, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard let lifetime = lifetimes[rollouts.content.lifetime],
            lifetime.lease.attempt == rollouts.attempt
        else { return outbox.noteRefusal() }
        if let refusal = try lifetime.take(rollouts, from: sender, outbox: &outbox) {
            return refuse(refusal, sender, outbox: &outbox)
        }
        lifetime.lastHeard = now
        if lifetime.hasEnded, reported.insert(lifetime.lease.lifetime).inserted {
            try end(lifetime, now: now, outbox: &outbox)
        }
    }

    /// Reports the end of a lifetime, after what it has learnt is stored where that is evaluated.
    private func end(_ lifetime: LearntLifetime, now: UInt64, outbox: inout Outbox) throws {
        let finished = LifetimeFinished(
            lifetime: lifetime.lease.lifetime, attempt: lifetime.lease.attempt, numbers: lifetime.summary)
        guard let context, let planned = context.learntPolicies.first(where: { $0.lifetime == finished.lifetime })
        else {
            reports.send(.lifetimeFinished(finished), to: .coordinator, now: now, outbox: &outbox)
            return
        }
        let learnt = LearntPolicyCheckpoint(
            source: context.algorithm, description: context.experiment.learntDescription(context.distribution),
            version: lifetime.version, parameters: lifetime.learner.actingParameters)
        policies.begin(try learnt.checkpoint(), planned, version: lifetime.version, end: finished, now: now)
        policies.tick(now: now, outbox: &outbox)
    }

    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool { false }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        for (identifier, lifetime) in lifetimes {
            if now >= nextCheckpoint[identifier] ?? 0 {
                lifetime.wantCheckpoint()
                nextCheckpoint[identifier] = now + checkpointInterval
            }
            guard checkpointsOnTheirWay[identifier] == nil, let checkpoint = try lifetime.takeCheckpoint() else {
                continue
            }
            checkpointsOnTheirWay[identifier] = StateUpload(checkpoint)
            sendPiece(of: identifier, now: now, outbox: &outbox)
            // The rest have their turn: many lifetimes do not write all at once.
            if !isDraining { break }
        }
        for identifier in downloads.keys { downloads[identifier]?.tick(now: now, outbox: &outbox) }
        policies.tick(now: now, outbox: &outbox)
        hasTicked = isDraining
        reports.tick(now: now, outbox: &outbox)
    }

    /// Drops a lifetime with all that was going on for it. A piece of its state that is on its way is not sent again.
    private func forget(_ lifetime: LifetimeIdentifier) {
        lifetimes[lifetime] = nil
        nextCheckpoint[lifetime] = nil
        policies.forget(lifetime)
        if let request = checkpointsOnTheirWay.removeValue(forKey: lifetime)?.request { reports.cancel(request) }
    }
}
