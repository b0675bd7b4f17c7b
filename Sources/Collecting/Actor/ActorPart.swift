import Agents
import Environments
import Experience
import Experiments
import Nodes
import Wire

/// Consecutive actors of one lifetime that this process carries, from the lease to the last acknowledgement.
///
/// Its phases: `joining` (the learner is asked for what the actors act by), `opening` (the recorder is asked where
/// their streams stand), `running`, `draining` (every stream has ended; learner and recorder have yet to answer).
/// Owned by `ActorRole`, on its thread; it makes and remembers messages, and the role sends them.
final class ActorPart {
    /// The lease as it was told last: endpoints and tickets may change under one incarnation, the actors do not.
    var carry: CarryActors
    /// Number of the coordinator's command that `carry` came with; later ones are greater.
    var command: UInt64
    /// Set by the role, except that `start` ends the opening.
    var phase: CarriedPart.Phase
    /// Batches that the learner has not answered.
    var unanswered: UnansweredRollouts
    /// Nil when none of the actors is recorded. It keeps the rollouts that are not durable, and says when to ask the
    /// recorder.
    var recorder: RecorderDialogue?
    /// Questions since the learner last said something: each doubles the wait before the next.
    var vainLearnerRequests = 0
    /// The number of the last question whether these actors may join.
    var joinQuestion: UInt64 = 0
    /// How often in a row the learner has refused to let these actors join.
    var refusedJoins = 0
    /// When the last message was sent that the learner has yet to answer.
    var lastLearnerRequest: UInt64 = 0
    /// When the learner last answered, or was first to answer something after that.
    var waitsForLearnerSince: UInt64 = 0
    /// As `waitsForLearnerSince`, but a learner that says no more than that it is there counts as well.
    var lastLearnerSign: UInt64 = 0
    /// The version of the policy that the actors act by; it never falls while the incarnation lasts.
    private(set) var version: UInt64 = 0
    /// Number of the last batch of rollouts; 0 before the first. A batch holds one rollout of each actor that still
    /// acts.
    private(set) var batch: UInt64 = 0
    /// When the first of them was made.
    private(set) var firstBatchAt: UInt64 = 0
    /// In lockstep, the places at which the learner says that the actors go on; empty otherwise.
    var places: [RolloutAnswer.Place] = []
    /// Streams end with the episode that makes them so many. The learner says it with each answer; it only ever
    /// falls.
    var episodeLimit = UInt64.max

    private let context: ExperimentContext
    /// Keys of the actors' random numbers, in the order of the actors. They depend on seed, lifetime and actor, not on
    /// the process, so that a lockstep actor can live the same life elsewhere.
    private let keys: [StreamKey]
    /// Acts for all actors of the part at once, under the learner's parameters; nothing of it outlives the part.
    private let policy: any SourceActor
    /// Steps the environments; nil until `start`.
    private var collector: RolloutCollector?

    /// Makes the actors' policy, without parameters yet. Throws where the source algorithm cannot act in the
    /// environment.
    init(carry: CarryActors, command: UInt64, context: ExperimentContext) throws {
        self.carry = carry
        self.command = command
        self.context = context
        keys = carry.actors.map {
            StreamKey(
                seed: context.experiment.seed, stream: StreamIdentifier(lifetime: carry.lifetime, actor: $0))
        }
        policy = try context.algorithm.makeActor(environment: context.distribution.environment, keys: keys)
        phase = .joining
        let collect = context.experiment.collect
        unanswered = UnansweredRollouts(
            maximumPolicyLag: collect.synchronization == .lockstep ? nil : collect.maximumPolicyLag)
        recorder = carry.recordsAny ? RecorderDialogue(endpoint: carry.recorderEndpoint) : nil
    }

    /// Begins to act: makes the environments and puts every actor where its stream goes on. In lockstep the learner
    /// has said where that is; otherwise `opened`, the recorder's answer, says so for the actors that are recorded,
    /// and the others begin at their beginning. `progress` is told where that waits for a process of the environment.
    /// Throws `EnvironmentFailure` where the environments cannot begin.
    func start(_ opened: [StreamsOpened.Stream], _ progress: WorkProgress?) throws {
        let positions = carry.actors.enumerated().map { index, actor in
            var position = ActorPosition(actor: actor, incarnation: carry.incarnation)
            if !places.isEmpty {
                position.sequence = places[index].nextSequence
                position.episode = places[index].nextEpisode
            } else if index < opened.count {
                position.sequence = opened[index].nextSequence
                position.episode = opened[index].nextEpisode
                position.isEnded = opened[index].state == .ended
            }
            return position
        }
        let task = try context.task(carry.lifetime.task)
        collector = try RolloutCollector(
            environment: try context.distribution.makeEnvironment(task: task, keys: keys, progress),
            view: try context.distribution.view(of: task), actor: policy, lifetime: carry.lifetime,
            positions: positions)
        retire()
        phase = .running
    }

    /// Lets the actors from `carry.retireFrom` on end their streams with their present episode.
    func retire() { collector?.retire(from: carry.retireFrom) }

    /// Gives the policy new parameters. Throws where there are not as many as it has. The version becomes the
    /// `policyVersion` of the rollouts that follow, from which the learner computes their lag.
    func load(_ parameters: [Float], version: UInt64) throws {
        try parameters.withUnsafeBufferPointer { try policy.load(parameters: $0) }
        self.version = version
    }

    /// Steps all actors for the length of a rollout; the rollouts of those whose streams have not ended, encoded as
    /// one message for learner and recorder alike, with their headers. The batch then counts as unanswered. Nil
    /// when every stream has ended. Throws `EnvironmentFailure`. The bytes go to both receivers as they are, and
    /// `UnacknowledgedRollouts` keeps the same array.
    func nextRollouts(now: UInt64) throws -> (bytes: [UInt8], headers: [RolloutHeader])? {
        guard let collector, !collector.isDone else { return nil }
        let content = try collector.collect(
            length: context.needs.rolloutLength, policyVersion: version,
            episodeLimit: episodeLimit)
        if batch == 0 { firstBatchAt = now }
        batch += 1
        let rollouts = Rollouts(
            attempt: carry.attempt, firstActor: carry.actors.lowerBound, batch: batch,
            durableSequence: recorder?.durableSequence(of: carry.recorded) ?? .max, content: content)
        let bytes = Envelope(.rollouts(rollouts)).encoded()
        unanswered.append(bytes, number: batch, version: version, now: now)
        return (bytes, content.headers)
    }

    /// Actors whose streams have not ended.
    var actorsAtWork: Int { collector?.positions.count { !$0.isDone } ?? carry.actors.count }
    /// Every actor has lived to the end of its stream, and its marked last rollout was made.
    var everyStreamHasEnded: Bool { collector?.isDone ?? false }

    /// Nothing is lost by going on elsewhere: no stream is inside a trial, and everything is on disk.
    var canBeHandedOver: Bool { isBetweenTrials && (recorder?.isDone ?? true) }
    /// No stream is inside a trial: in each the next step is the first of one, or the stream has ended. Where tasks do
    /// not change, a trial is an episode.
    var isBetweenTrials: Bool {
        let environment = context.distribution.environment
        return collector?.positions.allSatisfy { ($0.step == 0 && environment.beginsTrial($0.episode)) || $0.isDone }
            ?? true
    }

    /// The lifetime has a learner; without one it has ended and its streams are only being completed.
    var needsLearner: Bool { !carry.learnerEndpoint.isEmpty }

    /// Recorder and learner have all that there is, or the lifetime ended before these actors joined it, and there is
    /// nothing. The role then reports `CarryingFinished` and drops the part.
    var isDone: Bool {
        if phase == .joining { return !needsLearner }
        return phase == .draining && recorder?.isDone ?? true && (unanswered.isEmpty || !needsLearner)
    }
}
