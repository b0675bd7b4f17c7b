import Agents
import Environments
import Experiments
package import Wire

/// Learns one or several lifetimes at once from the rollouts that actor processes send, and answers with what they act by.
package final class LearnerRole: Role {
    package let name = RoleName.learner
    package let capacity: Int

    private var context: ExperimentContext?
    private var lifetimes: [LifetimeIdentifier: LearntLifetime] = [:]
    private var reports = ReliableSender()
    private var reported: Set<LifetimeIdentifier> = []
    /// When each lifetime's next checkpoint is due; none is made while one is on its way.
    private var nextCheckpoint: [LifetimeIdentifier: UInt64] = [:]
    private var checkpointsOnTheirWay: [LifetimeIdentifier: UInt64] = [:]
    private var released = ReleasedLifetimes()
    private var isDraining = false
    /// Whether the last checkpoints were taken since it was asked to leave.
    private var hasTicked = false
    /// Of the lifetimes that have left this learner.
    private var past: [String: Double] = [:]
    private var refusedMessages = 0
    private var oversizedCheckpoints = 0

    package init(capacity: Int) { self.capacity = capacity }

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        if let context { return try context.check(isStill: welcome) }
        context = try ExperimentContext(welcome)
    }

    package var isFinished: Bool { isDraining && hasTicked && reports.isEmpty }

    /// Leaves checkpoints behind to go on from.
    package func drain(now: UInt64) {
        isDraining = true
        for lifetime in lifetimes.values { lifetime.wantCheckpoint() }
    }

    package func forgetLeases(now: UInt64) {
        for lifetime in lifetimes.values { past.merge(lifetime.numbers, uniquingKeysWith: +) }
        lifetimes = [:]
        reported = []
        checkpointsOnTheirWay = [:]
        reports = ReliableSender()
    }

    private var checkpointInterval: UInt64 {
        UInt64(context?.experiment.cluster.learnerCheckpointSeconds ?? 1) * 1_000_000_000
    }

    package var numbers: [String: Double] {
        var numbers = past
        for lifetime in lifetimes.values { numbers.merge(lifetime.numbers, uniquingKeysWith: +) }
        // Means do not add up.
        numbers["mean_policy_lag"] = mean { ($0["mean_policy_lag"] ?? 0, $0["transitions_learnt"] ?? 0) }
        numbers["maximum_policy_lag"] = lifetimes.values.compactMap { $0.numbers["maximum_policy_lag"] }.max() ?? 0
        numbers["mean_policy_entropy"] = nil
        numbers["lifetimes"] = Double(lifetimes.count)
        numbers["refused_messages"] = Double(refusedMessages)
        if oversizedCheckpoints > 0 { numbers["oversized_checkpoints"] = Double(oversizedCheckpoints) }
        return numbers
    }

    /// Over the lifetimes that are being learnt now.
    private func mean(_ valueAndWeight: ([String: Double]) -> (value: Double, weight: Double)) -> Double {
        let pairs = lifetimes.values.map { valueAndWeight($0.numbers) }
        let weight = pairs.reduce(0) { $0 + $1.weight }
        return weight == 0 ? 0 : pairs.reduce(0) { $0 + $1.value * $1.weight } / weight
    }

    package func waiting(now: UInt64) -> Waiting? {
        let waits = lifetimes.values.compactMap { lifetime in
            lifetime.missing.map {
                Waiting(for: $0.whom, why: $0.what, since: lifetime.lastHeard, now: now)
            }
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
            checkpointsOnTheirWay = checkpointsOnTheirWay.filter { $0.value != envelope.request }
        case .learnLifetime(let lease) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            if !isDraining { try take(lease, now: now) }
        case .releaseLifetime(let release) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            self.release(release)
        case .joinLifetime(let join):
            // Not yet leased to us: the sender asks again.
            guard let lifetime = lifetimes[join.lifetime], lifetime.lease.attempt == join.attempt else { return }
            lifetime.lastHeard = now
            if let refusal = lifetime.join(join, from: sender, outbox: &outbox) {
                refusedMessages += 1
                outbox.send(.failure(refusal), to: sender)
            }
        case .rollouts(let rollouts): try take(rollouts, from: sender, now: now, outbox: &outbox)
        case .failure where sender == .coordinator && reports.refuse(envelope.request, by: sender):
            checkpointsOnTheirWay = checkpointsOnTheirWay.filter { $0.value != envelope.request }
        case .failure: refusedMessages += 1
        default:
            refusedMessages += 1
            outbox.send(.failure("a learner does not take this message"), to: sender, request: envelope.request)
        }
    }

    private func take(_ lease: LearnLifetime, now: UInt64) throws {
        guard let context else { return }
        if let current = lifetimes[lease.lifetime], current.lease.attempt >= lease.attempt { return }
        if released.contains(lease.lifetime, attempt: lease.attempt) { return }
        reported.remove(lease.lifetime)
        lifetimes[lease.lifetime] = try LearntLifetime(lease: lease, context: context, now: now)
        nextCheckpoint[lease.lifetime] = now + checkpointInterval
    }

    private func release(_ release: ReleaseLifetime) {
        released.add(release)
        guard let lifetime = lifetimes[release.lifetime], lifetime.lease.attempt <= release.attempt else { return }
        past.merge(lifetime.numbers, uniquingKeysWith: +)
        lifetimes[release.lifetime] = nil
        reported.remove(release.lifetime)
        forgetCheckpoint(of: release.lifetime)
    }

    private func take(_ rollouts: Rollouts, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard let lifetime = lifetimes[rollouts.content.lifetime],
            lifetime.lease.attempt == rollouts.attempt
        else { return }
        lifetime.lastHeard = now
        let refusal = try lifetime.take(rollouts, outbox: &outbox)
        if let refusal {
            refusedMessages += 1
            outbox.send(.failure(refusal), to: sender)
        }
        if lifetime.hasEnded, reported.insert(lifetime.lease.lifetime).inserted {
            reports.send(
                .lifetimeFinished(
                    LifetimeFinished(
                        lifetime: lifetime.lease.lifetime, attempt: lifetime.lease.attempt, numbers: lifetime.summary)),
                to: .coordinator, now: now, outbox: &outbox)
        }
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
            // Without a checkpoint the lifetime begins anew when this learner dies.
            guard checkpoint.state.count < WireProtocol.messageLimitBytes - 4096 else {
                oversizedCheckpoints += 1
                continue
            }
            checkpointsOnTheirWay[identifier] = reports.send(
                .learnerCheckpoint(checkpoint), to: .coordinator, now: now, outbox: &outbox)
            // The rest have their turn: many lifetimes do not write all at once.
            if !isDraining { break }
        }
        hasTicked = isDraining
        reports.tick(now: now, outbox: &outbox)
    }

    private func forgetCheckpoint(of lifetime: LifetimeIdentifier) {
        nextCheckpoint[lifetime] = nil
        if let request = checkpointsOnTheirWay.removeValue(forKey: lifetime) { reports.cancel(request) }
    }
}
