import Agents
import Environments
import Experience
import Experiments
import Nodes
import Wire

/// One lifetime in the hands of a learner: its algorithm, its actors' processes, the rollouts that wait for an
/// update.
///
/// The source algorithm decides what an update learns from (`RolloutQueue`), and this type when it is asked.
/// Asynchronous: with each batch, which is answered right then; rollouts of a policy more than
/// `collect.maximum_policy_lag` updates old are counted, and not learnt from. Lockstep: when a round is whole, that is
/// when one rollout of each actor has come, after which all are answered.
///
/// Owned by `LearnerRole`, on its thread. It speaks to the actor processes that have joined, and complains to the
/// coordinator where its algorithm does not want what comes.
final class LearntLifetime {
    /// A process that carries some of the actors. Replaced as a whole when another process joins with the same actors
    /// and a higher incarnation.
    struct Part {
        let address: Address
        let actors: Range<Int>
        let incarnation: UInt64
        /// Last batch that came, and last that was answered.
        var batch: UInt64 = 0
        var answered: UInt64 = 0
        /// The version that the process was last told; nil before its first answer.
        var versionSent: UInt64?
        /// Its recorded streams are on disk up to this sequence.
        var durableSequence: UInt64 = 0
    }

    /// What the coordinator has leased: the lifetime, the attempt, and how many actors begin it.
    let lease: LearnLifetime
    /// Every stream has ended: the marked last rollouts have come.
    private(set) var hasEnded = false
    /// When rollouts last came, or an actor process joined.
    var lastHeard: UInt64
    /// The source algorithm; its `version` counts the updates.
    let learner: any SourceLearner
    private let collect: CollectSettings
    private let environment: EnvironmentDescription
    /// Everything but the source learner that a checkpoint holds.
    private(set) var state: LearnerState
    /// The processes that have joined, by the first actor of each.
    private(set) var parts: [Int: Part] = [:]
    /// In lockstep, the rollouts that have come of the present round; emptied when the round is learnt from.
    private var round: [RolloutBatch] = []
    /// What was offered to the source algorithm, and not wanted yet.
    private var queue: RolloutQueue
    /// The coordinator has been told that the source algorithm does not want what comes: it is told once.
    private var hasComplained = false
    /// Actors whose marked last rollouts have come.
    private var endedActors: Set<Int> = []
    /// Actors that had ended when the present round began: lockstep waits for nothing of theirs.
    private var endedBeforeRound = 0
    /// Actors that have joined, ended ones among them.
    private(set) var joinedActors: Set<Int> = []
    /// An elastic lifetime has been lived to its end by one of its actors: the others end theirs too.
    private var isOver = false

    /// What actors act by, copied from the learner once for all their processes.
    private var lent: (version: UInt64, parameters: [Float])?

    /// In lockstep, the actors that stand inside a trial: inside an episode, or between two that have one task.
    private var insideTrial: Set<Int> = []
    /// A checkpoint is wanted and was not taken yet.
    private var isCheckpointDue = false
    /// The updates that are in the last checkpoint.
    private var checkpointedVersion: UInt64
    /// In lockstep, a checkpoint that is published as soon as every rollout before `sequence` is on disk.
    private var candidate: (checkpoint: LearnerCheckpoint, sequence: UInt64)?

    /// The mean return that is reported is over so many of the last episodes for each actor.
    private static let recentEpisodesPerActor = 10

    /// Goes on from `saved`, if that is not empty. Throws what `LearnerState` throws for it. `progress` is advanced by
    /// the source algorithm during long updates, so that the node is not taken for dead. In an elastic lifetime the
    /// actors of before are forgotten: those that go on join again.
    init(
        lease: LearnLifetime, state saved: [UInt8], context: ExperimentContext, progress: WorkProgress?, now: UInt64
    ) throws {
        self.lease = lease
        lastHeard = now
        collect = context.experiment.collect
        environment = context.distribution.environment
        learner = try context.algorithm.makeLearner(
            scene: try context.distribution.scene(of: try context.task(lease.lifetime.task)),
            seed: context.experiment.seed, task: lease.lifetime.task, repetition: lease.lifetime.repetition)
        learner.onProgress = { progress?.advance() }
        queue = RolloutQueue(environment.rolloutLayout, needs: context.needs)
        if saved.isEmpty {
            let places = collect.synchronization == .lockstep ? lease.actors : 0
            state = LearnerState(
                progress: LifetimeProgress(
                    end: collect.end,
                    optimalReturn: context.distribution.references(of: try context.task(lease.lifetime.task)).optimum,
                    actors: collect.elastic ? [] : Array(0..<lease.actors)),
                places: Array(repeating: RolloutAnswer.Place(), count: places))
        } else {
            state = try LearnerState(saved, restoring: learner)
            for batch in try state.takeWaiting(environment.rolloutLayout, actors: lease.actors) { queue.append(batch) }
            if collect.elastic { state.progress.forgetActors() }
        }
        checkpointedVersion = learner.version
    }

    /// Updates so far.
    var version: UInt64 { learner.version }
    /// Actors are numbered below this.
    private var actorLimit: Int { collect.elastic ? WireProtocol.actorLimit : lease.actors }
    /// Set by `collect.synchronization`.
    private var isLockstep: Bool { collect.synchronization == .lockstep }

    // MARK: - Messages

    /// A process that carries some of the actors wants what they act by. It replaces processes that carried any of
    /// them with a lower incarnation. Nil when all is well, otherwise why it was refused; before all founders have
    /// come it gets a sign only.
    func join(_ join: JoinLifetime, from sender: Address, outbox: inout Outbox) -> String? {
        guard !join.actors.isEmpty, join.actors.upperBound <= actorLimit else {
            return "\(lease.lifetime): actors \(join.actors); there are \(actorLimit)"
        }
        if let part = parts[join.actors.lowerBound], part.incarnation >= join.incarnation {
            guard part.incarnation == join.incarnation else {
                return "\(lease.lifetime): actors \(join.actors) have joined with incarnation \(part.incarnation) "
                    + "since, \(join.incarnation) was replaced"
            }
            // Asked again before the first answer came; who has sent rollouts since has had it.
            guard part.batch == 0 else { return nil }
        }
        // The actors may have been divided otherwise before.
        for (first, part) in parts where part.actors.overlaps(join.actors) && part.incarnation < join.incarnation {
            parts[first] = nil
        }
        parts[join.actors.lowerBound] = Part(address: sender, actors: join.actors, incarnation: join.incarnation)
        for actor in join.actors where joinedActors.insert(actor).inserted && collect.elastic {
            state.progress.join(actor)
        }
        guard hasBegun else {
            giveSign(join.actors.lowerBound, outbox: &outbox)
            return nil
        }
        for first in parts.keys.sorted() where first != join.actors.lowerBound && parts[first]?.versionSent == nil {
            answer(first, outbox: &outbox)
        }
        answer(join.actors.lowerBound, outbox: &outbox)
        return nil
    }

    /// A batch of rollouts from one process: checked, counted, kept for an update, and answered. A batch that came
    /// before is answered again; one that comes too early is ignored, for it will be sent again with those before it. Nil when all is
    /// well, otherwise why it was refused. Throws what the source algorithm throws, which ends the learner.
    func take(_ rollouts: Rollouts, from sender: Address, outbox: inout Outbox) throws -> String? {
        guard var part = parts[rollouts.firstActor] else { return "rollouts before a JoinLifetime" }
        guard part.address == sender else { return "rollouts of actors that another node has joined with" }
        guard rollouts.batch > part.batch else {
            // Sent again, because our answer was lost, or because there is none yet. This one may come first, so that it
            // has the parameters, too: who acted on without them would not act as in an undisturbed lockstep.
            if part.answered == part.batch {
                answer(rollouts.firstActor, always: true, outbox: &outbox)
            } else {
                giveSign(rollouts.firstActor, outbox: &outbox)
            }
            return nil
        }
        // One before it was lost: all from there on will be sent again.
        guard rollouts.batch == part.batch + 1 else { return nil }
        let headers = rollouts.content.headers
        guard headers.allSatisfy({ part.actors.contains($0.actor) && $0.incarnation == part.incarnation }) else {
            return "rollouts of actors or of an incarnation that this sender did not announce"
        }
        let checked: CheckedRollouts
        do {
            checked = try rollouts.content.checked(against: environment.rolloutLayout, actors: actorLimit)
        } catch { return "\(error)" }
        part.batch = rollouts.batch
        part.durableSequence = max(part.durableSequence, rollouts.durableSequence)
        parts[rollouts.firstActor] = part
        state.counts.recorded += rollouts.content.rowCount
        guard !hasEnded else {
            answer(rollouts.firstActor, outbox: &outbox)
            return nil
        }
        for header in headers where header.isLast { end(header) }
        hasEnded = collect.elastic ? isOver && present == 0 : endedActors.count == lease.actors
        if isLockstep {
            notePlaces(checked)
            try takeOfRound(rollouts.content, outbox: &outbox)
        } else {
            try take(rollouts.content, outbox: &outbox)
            answer(rollouts.firstActor, outbox: &outbox)
        }
        return nil
    }

    /// No actor begins before all have come that the lifetime begins with: a first policy version above 0 is the mark
    /// of those that joined an elastic lifetime later.
    var hasBegun: Bool { learner.version > 0 || joinedActors.count >= lease.actors }
    /// Actors that have joined and not ended. In an elastic lifetime it is the size of a round.
    private var present: Int { joinedActors.count - endedActors.count }
    /// See `WaitingRollouts.roundSize`.
    private var roundSize: Int {
        if collect.elastic { return max(1, present) }
        return isLockstep ? lease.actors - endedBeforeRound : lease.actors
    }

    /// An actor's stream has ended: with its lifetime, or because the actor leaves an elastic one. The episode limit
    /// tells the two apart: an actor that has lived all its episodes ends the lifetime for the others.
    private func end(_ header: RolloutHeader) {
        endedActors.insert(header.actor)
        guard collect.elastic else { return }
        if header.firstEpisode + UInt64(header.finishedEpisodes) >= state.progress.episodeLimit {
            isOver = true
        } else if !isOver {
            state.progress.leave(header.actor)
        }
    }

    // MARK: - Learning

    /// Asynchronous: offers what is fresh enough to be learnt from.
    private func take(_ content: RolloutBatch, outbox: inout Outbox) throws {
        let oldest = content.headers.map(\.policyVersion).min() ?? learner.version
        let lag = learner.version - min(learner.version, oldest)
        if lag <= UInt64(collect.maximumPolicyLag) {
            state.counts.add(lag: Double(lag), rows: content.rowCount)
            queue.append(content)
        } else {
            state.counts.stale += content.rowCount
        }
        try learn(outbox: &outbox)
        count([content])
    }

    /// Lockstep: offers a round once it is whole, in the order of the actors, and answers them.
    private func takeOfRound(_ content: RolloutBatch, outbox: inout Outbox) throws {
        round.append(content)
        // Where episodes differ in length some actors end before others, and send nothing more.
        guard round.reduce(0, { $0 + $1.headers.count }) >= roundSize || hasEnded else { return }
        for batch in round.sorted(by: { ($0.headers.first?.actor ?? 0) < ($1.headers.first?.actor ?? 0) }) {
            state.counts.add(lag: 0, rows: batch.rowCount)
            queue.append(batch)
        }
        try learn(outbox: &outbox)
        count(round)
        round.removeAll(keepingCapacity: true)
        endedBeforeRound = endedActors.count
        try prepareCheckpoint()
        for firstActor in parts.keys.sorted() { answer(firstActor, outbox: &outbox) }
    }

    /// Makes the updates that the source algorithm wants of what waits. The coordinator hears of one that does not want
    /// what comes: its actors go on, and learn nothing more.
    private func learn(outbox: inout Outbox) throws {
        let outcome = try queue.learn(
            with: learner, actors: collect.elastic ? max(1, present) : lease.actors, roundSize: roundSize,
            isOver: hasEnded)
        for update in outcome.updates { state.counts.add(update) }
        state.counts.addUnwanted(outcome.unwantedRows)
        guard outcome.unwantedRows > 0, !hasEnded, !hasComplained else { return }
        hasComplained = true
        outbox.send(
            .failure(
                "\(lease.lifetime): its source algorithm does not learn from what waits, of which the oldest "
                    + "\(outcome.unwantedRows) transitions were given up"), to: .coordinator)
    }

    /// Counts the episodes that have ended in rollouts, those that are too stale to learn from among them. Finished
    /// episodes also move the lifetime's progress, and with it the limit of episodes that the answers tell.
    private func count(_ batches: [RolloutBatch]) {
        let finished = state.returns.add(batches, environment.rolloutLayout)
        state.progress.add(finished)
        for episode in finished { note(episode.totalReward) }
    }

    /// Counts a finished episode, and keeps its return in a ring of the last ones.
    private func note(_ totalReward: Double) {
        state.counts.episodes += 1
        if state.recent.count < Self.recentEpisodesPerActor * lease.actors {
            state.recent.append(totalReward)
        } else {
            state.recent[state.nextRecent] = totalReward
            state.nextRecent = (state.nextRecent + 1) % state.recent.count
        }
    }

    /// Answers the last batch of a part, with the parameters if it does not have them yet, or `always`.
    private func answer(_ firstActor: Int, always: Bool = false, outbox: inout Outbox) {
        guard var part = parts[firstActor] else { return }
        let isNewer = always || part.versionSent.map { $0 < learner.version } ?? true
        if isNewer, lent?.version != learner.version { lent = (learner.version, learner.actingParameters) }
        outbox.send(
            .rolloutAnswer(
                RolloutAnswer(
                    lifetime: lease.lifetime, attempt: lease.attempt, firstActor: firstActor, batch: part.batch,
                    version: learner.version, parameters: isNewer ? lent?.parameters ?? [] : [],
                    episodeLimit: isOver ? 0 : state.progress.episodeLimit,
                    places: isLockstep && part.batch == 0 ? Array(state.places[part.actors]) : [])),
            to: part.address)
        part.versionSent = learner.version
        part.answered = part.batch
        parts[firstActor] = part
    }

    /// Says that the learner is there to a part that waits for something which other parts have yet to do: an
    /// answer to what was answered already, without parameters.
    private func giveSign(_ firstActor: Int, outbox: inout Outbox) {
        guard let part = parts[firstActor] else { return }
        outbox.send(
            .rolloutAnswer(
                RolloutAnswer(
                    lifetime: lease.lifetime, attempt: lease.attempt, firstActor: firstActor, batch: part.answered,
                    version: learner.version, parameters: [], episodeLimit: .max)), to: part.address)
    }

    // MARK: - Checkpoints

    /// Where lockstep's actors will go on after these rollouts.
    private func notePlaces(_ rollouts: CheckedRollouts) {
        rollouts.forEach { rollout in
            let header = rollout.header
            state.places[header.actor] = RolloutAnswer.Place(
                nextSequence: header.sequence + 1, nextEpisode: header.firstEpisode + UInt64(header.finishedEpisodes))
            guard header.length > 0 else { return }
            if rollout.rows.endsEpisode, environment.beginsTrial(state.places[header.actor].nextEpisode) {
                insideTrial.remove(header.actor)
            } else {
                insideTrial.insert(header.actor)
            }
        }
    }

    /// A checkpoint is to be taken at the next moment at which one can be: after an update, in lockstep between two
    /// trials. Asked again before it was taken, it is still one checkpoint.
    func wantCheckpoint() { isCheckpointDue = true }

    /// In lockstep a lifetime is taken up between two trials of all its actors, which are episodes where tasks do not
    /// change, so that no environment's inner state has to be kept, nor what actors remember.
    private func prepareCheckpoint() throws {
        // One that waits to be durable is not replaced: a recorder slower than the interval would let none through.
        guard isCheckpointDue, candidate == nil, insideTrial.isEmpty, endedActors.isEmpty else { return }
        isCheckpointDue = false
        candidate = (try makeCheckpoint(), state.places.map(\.nextSequence).max() ?? 0)
    }

    /// The whole state of now, encoded: it does not change while its pieces travel. In lockstep with the rollouts that
    /// wait; otherwise they are lost with this learner.
    private func makeCheckpoint() throws -> LearnerCheckpoint {
        checkpointedVersion = learner.version
        var state = state
        if isLockstep { state.waiting = LearnerState.encoded(queue.batches) }
        return LearnerCheckpoint(
            lifetime: lease.lifetime, attempt: lease.attempt, version: learner.version,
            state: try state.encoded(with: learner))
    }

    /// The checkpoint that is wanted, once it may be published; nil before, and after that.
    func takeCheckpoint() throws -> LearnerCheckpoint? {
        guard isLockstep else {
            // Nothing is worth keeping before something was learnt, as where no actor has come yet.
            guard isCheckpointDue, !hasEnded, learner.version > checkpointedVersion else { return nil }
            isCheckpointDue = false
            return try makeCheckpoint()
        }
        guard let ready = candidate, parts.values.allSatisfy({ $0.durableSequence >= ready.sequence }) else {
            return nil
        }
        candidate = nil
        return ready.checkpoint
    }
}
