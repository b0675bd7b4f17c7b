import Agents
import Environments
import Experiments
package import Wire

/// Learns one or several lifetimes at once from the rollouts that actor processes send, and answers with parameters.
package final class LearnerRole: Role {
    package let name = RoleName.learner
    package let capacity: Int

    private var context: ExperimentContext?
    private var lifetimes: [LifetimeIdentifier: LearntLifetime] = [:]
    private var reports = ReliableSender()
    private var reported: Set<LifetimeIdentifier> = []
    /// The last attempt of each lifetime that was taken back: a lease that arrives again after it is not taken twice.
    private var released: [LifetimeIdentifier: UInt64] = [:]
    private var isDraining = false
    /// Of the lifetimes that have left this learner.
    private var past: [String: Double] = [:]
    private var refusedMessages = 0

    package init(capacity: Int) { self.capacity = capacity }

    package func begin(_ welcome: Welcome, now: UInt64) throws { context = try ExperimentContext(welcome) }

    package var isFinished: Bool { isDraining && reports.isEmpty }

    package func drain(now: UInt64) { isDraining = true }

    package var numbers: [String: Double] {
        var numbers = past
        for lifetime in lifetimes.values { numbers.merge(lifetime.numbers, uniquingKeysWith: +) }
        // Means do not add up; the coordinator gets them with each finished lifetime.
        numbers["mean_policy_lag"] = nil
        numbers["mean_policy_entropy"] = nil
        numbers["lifetimes"] = Double(lifetimes.count)
        numbers["refused_messages"] = Double(refusedMessages)
        return numbers
    }

    package var waitingFor: String { "" }

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        switch envelope.message {
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request)
        case .learnLifetime(let lease) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            try take(lease)
        case .releaseLifetime(let release) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            self.release(release)
        case .joinLifetime(let join):
            // Not yet leased to us: the sender asks again.
            guard let lifetime = lifetimes[join.lifetime], lifetime.lease.attempt == join.attempt else { return }
            lifetime.join(join, from: sender, outbox: &outbox)
        case .rollouts(let rollouts): try take(rollouts, from: sender, now: now, outbox: &outbox)
        default:
            refusedMessages += 1
            outbox.send(.failure("a learner does not take this message"), to: sender, request: envelope.request)
        }
    }

    private func take(_ lease: LearnLifetime) throws {
        guard let context else { return }
        if let current = lifetimes[lease.lifetime], current.lease.attempt >= lease.attempt { return }
        if let last = released[lease.lifetime], last >= lease.attempt { return }
        let learner = try context.algorithm.makeLearner(
            environment: context.distribution.environment, seed: context.experiment.seed, task: lease.lifetime.task,
            repetition: lease.lifetime.repetition)
        if !lease.state.isEmpty { try learner.restore(lease.state) }
        let collect = context.experiment.collect
        reported.remove(lease.lifetime)
        lifetimes[lease.lifetime] = LearntLifetime(
            lease: lease, learner: learner,
            progress: LifetimeProgress(
                end: collect.end,
                optimalReturn: context.distribution.optimalReturn(of: try context.task(lease.lifetime.task)),
                actors: Array(0..<lease.actors)), environment: context.distribution.environment,
            synchronization: collect.synchronization, maximumPolicyLag: collect.maximumPolicyLag)
    }

    private func release(_ release: ReleaseLifetime) {
        released[release.lifetime] = max(release.attempt, released[release.lifetime] ?? 0)
        guard let lifetime = lifetimes[release.lifetime], lifetime.lease.attempt <= release.attempt else { return }
        past.merge(lifetime.numbers, uniquingKeysWith: +)
        lifetimes[release.lifetime] = nil
        reported.remove(release.lifetime)
    }

    private func take(_ rollouts: Rollouts, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard let lifetime = lifetimes[rollouts.content.lifetime],
            lifetime.lease.attempt == rollouts.attempt
        else { return }
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

    package func tick(now: UInt64, outbox: inout Outbox) throws { reports.tick(now: now, outbox: &outbox) }
}
