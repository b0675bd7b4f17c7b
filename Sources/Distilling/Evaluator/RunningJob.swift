import Agents
import Collecting
import Distillation
import Environments
import Experience
import Experiments
import Histories
import Nodes
import Wire

/// One task under one policy: all seeds together, episode after episode, recorded as streams. A seed is an actor of the
/// evaluation's lifetime, and its number is the actor's. Owned by `EvaluatorRole`, on its thread.
final class RunningJob {
    /// `fetching` the checkpoint; `opening` the streams; `running`; `draining`: all is played, and not all of it is
    /// on disk.
    enum Phase { case fetching, opening, running, draining }

    var job: EvaluationJob
    /// Number of the coordinator's command that `job` came with; later ones are greater.
    var command: UInt64
    var phase = Phase.fetching
    var recorder: RecorderDialogue

    let policy: PolicyChoice
    private var actor: ScoredActor?
    private var collector: RolloutCollector?
    /// Steps of a rollout.
    private var rolloutLength = 0
    private var batch: UInt64 = 0

    /// Where episodes have no limit.
    private static let usualRolloutLength = 128

    /// Throws `SettingsError` for a policy that there is not, or whose settings are out of range.
    init(job: EvaluationJob, command: UInt64) throws {
        self.job = job
        self.command = command
        policy = try PolicyChoice(job.policy)
        recorder = RecorderDialogue(endpoint: job.recorderEndpoint)
    }

    var lifetime: LifetimeIdentifier { job.lifetime }

    /// (seeds, episodes), as far as they have been played.
    var returns: [Float] { actor?.returns ?? [] }
    /// The episode that the first seed is in, for `status`.
    var episode: Int { Int(collector?.positions.first?.episode ?? 0) }

    /// What acts: the streams' attribute `source_json`, the same however often the job is begun.
    var source: String {
        EvaluationSource(evaluation: job.evaluation, checkpoint: job.checkpoint, policy: job.policy).json
    }

    /// Makes environments, policy and collector, and begins to play. `parameters`: what the policy acts by, nil where it
    /// needs no checkpoint. Throws what making them throws.
    ///
    /// Every random number depends on the experiment's seed, the evaluation's name, the task and the seed's number
    /// alone, so that the result depends neither on the evaluator that plays the job nor on how often it was begun.
    /// Throws `EnvironmentFailure` where the environments cannot begin.
    func start(parameters: Any?, context: ExperimentContext, _ progress: WorkProgress?) throws {
        let keys = (0..<job.seeds).map {
            StreamKey(seed: context.experiment.seed, stream: StreamIdentifier(lifetime: lifetime, actor: $0))
        }
        let task = try context.task(job.task)
        let environment = try context.distribution.makeEnvironment(task: task, keys: keys, progress)
        let acting = try policy.make(
            parameters,
            on: EvaluatedTask(
                distribution: context.distribution, task: task, keys: keys, prompt: job.prompt))
        acting.onProgress = { progress?.advance() }
        let actor = ScoredActor(acting, episodes: job.episodes)
        collector = try RolloutCollector(
            environment: environment, view: try context.distribution.view(of: task), actor: actor,
            lifetime: lifetime,
            positions: keys.map { ActorPosition(actor: $0.actor, incarnation: job.incarnation) })
        self.actor = actor
        // As long as an episode can be, so that most hold one episode, where the policy does not learn between them.
        rolloutLength =
            acting.rolloutLength ?? context.distribution.environment.horizon ?? Self.usualRolloutLength
        beginRollouts()
        phase = .running
    }

    private func beginRollouts() { collector?.begin(length: rolloutLength, episodeLimit: UInt64(job.episodes)) }

    /// One step of every seed; encoded rollouts, with their headers, when they are whole. Throws `EnvironmentFailure`.
    func step() throws -> (bytes: [UInt8], headers: [RolloutHeader])? {
        guard let collector, let policy = actor?.policy, try !collector.advance() else { return nil }
        batch += 1
        let content = collector.finish(policyVersion: policy.version)
        try policy.learn(from: content)
        let rollouts = Rollouts(attempt: 0, firstActor: 0, batch: batch, content: content)
        if collector.isDone {
            phase = .draining
        } else {
            beginRollouts()
        }
        return (Envelope(.rollouts(rollouts)).encoded(), content.headers)
    }
}
