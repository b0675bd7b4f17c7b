import Agents
import Environments
import Experiments
import Wire

/// One lifetime in the hands of a learner: its algorithm, its actors' processes, the rollouts that wait.
final class LearntLifetime {
    /// A process that carries some of the actors.
    private struct Part {
        let address: Address
        let actors: Range<Int>
        let incarnation: UInt64
        /// Last batch that came, and last that was answered.
        var batch: UInt64 = 0
        var answered: UInt64 = 0
        var versionSent: UInt64?
    }

    let lease: LearnLifetime
    /// Every stream has ended: the marked last rollouts have come.
    private(set) var hasEnded = false
    private let learner: any SourceLearner
    private let synchronization: Synchronization
    private let maximumPolicyLag: Int
    private var progress: LifetimeProgress
    private let environment: EnvironmentDescription
    private var parts: [Int: Part] = [:]
    private var waiting: [RolloutBatch] = []
    private var waitingRollouts = 0
    /// Rollouts whose episodes are not yet counted, those too stale to learn from among them.
    private var unseen: [RolloutBatch] = []
    private var returns = EpisodeReturns()
    private var counts = LearningCounts()
    private var endedActors: Set<Int> = []
    /// Returns of the last episodes, `recentEpisodesPerActor` an actor; `nextRecent` is the oldest.
    private var recent: [Double] = []
    private var nextRecent = 0

    private static let recentEpisodesPerActor = 10

    init(
        lease: LearnLifetime, learner: any SourceLearner, progress: LifetimeProgress,
        environment: EnvironmentDescription, synchronization: Synchronization, maximumPolicyLag: Int
    ) {
        self.lease = lease
        self.learner = learner
        self.progress = progress
        self.environment = environment
        self.synchronization = synchronization
        self.maximumPolicyLag = maximumPolicyLag
    }

    var numbers: [String: Double] { counts.numbers }

    func join(_ join: JoinLifetime, from sender: Address, outbox: inout Outbox) {
        if let part = parts[join.actors.lowerBound], part.incarnation >= join.incarnation {
            // Asked again before the first answer came; who has sent rollouts since has had it.
            guard part.incarnation == join.incarnation, part.batch == 0 else { return }
        }
        parts[join.actors.lowerBound] = Part(address: sender, actors: join.actors, incarnation: join.incarnation)
        answer(join.actors.lowerBound, outbox: &outbox)
    }

    /// A batch of rollouts from one process. Nil when all is well, otherwise why it was refused.
    func take(_ rollouts: Rollouts, outbox: inout Outbox) throws -> String? {
        guard var part = parts[rollouts.firstActor] else { return "rollouts before a JoinLifetime" }
        guard rollouts.batch > part.batch else {
            // Sent again, because our answer was lost.
            if part.answered == part.batch { answer(rollouts.firstActor, always: true, outbox: &outbox) }
            return nil
        }
        // One before it was lost: both will be sent again.
        guard rollouts.batch == part.batch + 1 else { return nil }
        let headers = rollouts.content.headers
        guard headers.allSatisfy({ part.actors.contains($0.actor) && $0.incarnation == part.incarnation }) else {
            return "rollouts of actors or of an incarnation that this sender did not announce"
        }
        do { try rollouts.content.validate(for: environment, actors: lease.actors) } catch { return "\(error)" }
        part.batch = rollouts.batch
        parts[rollouts.firstActor] = part
        counts.recorded += rollouts.content.rowCount
        guard !hasEnded else {
            answer(rollouts.firstActor, outbox: &outbox)
            return nil
        }
        for header in headers where header.isLast { endedActors.insert(header.actor) }
        hasEnded = endedActors.count == lease.actors
        enqueue(rollouts.content)
        // In lockstep the actors that have ended send nothing more; they all end with the same episode.
        if waitingRollouts >= lease.actors || (hasEnded && !waiting.isEmpty) { try update(outbox: &outbox) }
        if synchronization == .asynchronous { answer(rollouts.firstActor, outbox: &outbox) }
        return nil
    }

    /// Keeps what is fresh enough to be learnt from.
    private func enqueue(_ content: RolloutBatch) {
        let oldest = content.headers.map(\.policyVersion).min() ?? learner.version
        let lag = learner.version - min(learner.version, oldest)
        unseen.append(content)
        guard synchronization == .lockstep || lag <= UInt64(maximumPolicyLag) else {
            counts.stale += content.rowCount
            return
        }
        counts.add(lag: Double(lag), rows: content.rowCount)
        waiting.append(content)
        waitingRollouts += content.headers.count
    }

    private func update(outbox: inout Outbox) throws {
        counts.add(try learner.update(waiting))
        waiting.removeAll(keepingCapacity: true)
        waitingRollouts = 0
        let finished = returns.add(
            unseen, observationBytes: environment.observationSpace.byteCount,
            actionBytes: environment.actionSpace.byteCount)
        unseen.removeAll(keepingCapacity: true)
        progress.add(finished)
        for episode in finished { note(episode.totalReward) }
        guard synchronization == .lockstep else { return }
        for firstActor in parts.keys.sorted() { answer(firstActor, outbox: &outbox) }
    }

    private func note(_ totalReward: Double) {
        counts.episodes += 1
        if recent.count < Self.recentEpisodesPerActor * lease.actors {
            recent.append(totalReward)
        } else {
            recent[nextRecent] = totalReward
            nextRecent = (nextRecent + 1) % recent.count
        }
    }

    /// Answers the last batch of a part, with the parameters if it does not have them yet, or `always`.
    private func answer(_ firstActor: Int, always: Bool = false, outbox: inout Outbox) {
        guard var part = parts[firstActor] else { return }
        let isNewer = always || part.versionSent.map { $0 < learner.version } ?? true
        outbox.send(
            .rolloutAnswer(
                RolloutAnswer(
                    lifetime: lease.lifetime, attempt: lease.attempt, firstActor: firstActor, batch: part.batch,
                    version: learner.version, parameters: isNewer ? learner.parameters : [],
                    episodeLimit: progress.episodeLimit)),
            to: part.address)
        part.versionSent = learner.version
        part.answered = part.batch
        parts[firstActor] = part
    }

    /// What the coordinator is told at the end.
    var summary: [String: Double] {
        var numbers = counts.numbers
        numbers["updates"] = Double(learner.version)
        if !recent.isEmpty { numbers["final_return"] = recent.reduce(0, +) / Double(recent.count) }
        numbers["episodes_per_actor"] = Double(progress.longestLife)
        return numbers
    }
}

/// What a learner has seen and done with it.
struct LearningCounts {
    /// Transitions that came, and those of them that were too stale to learn from.
    var recorded = 0
    var stale = 0
    var episodes = 0
    private var learnt = 0
    private var lagTimesRows = 0.0
    private var lagRows = 0
    private var entropyTimesRows = 0.0

    mutating func add(lag: Double, rows: Int) {
        lagTimesRows += lag * Double(rows)
        lagRows += rows
    }

    mutating func add(_ report: UpdateReport) {
        learnt += report.learntRows
        entropyTimesRows += report.entropy * Double(report.learntRows)
    }

    var numbers: [String: Double] {
        [
            "transitions": Double(recorded), "transitions_learnt": Double(learnt), "transitions_stale": Double(stale),
            "episodes": Double(episodes),
            "mean_policy_lag": lagRows == 0 ? 0 : lagTimesRows / Double(lagRows),
            "mean_policy_entropy": learnt == 0 ? 0 : entropyTimesRows / Double(learnt),
        ]
    }
}
