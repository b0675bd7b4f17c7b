import Distillation
import Environments
import Experiments
import Wire

/// One task under the frozen model: all seeds together, episode after episode, recorded as streams.
final class RunningJob {
    enum Phase { case fetching, opening, running, draining }

    var job: EvaluationJob
    /// Number of the coordinator's command that `job` came with; later ones are greater.
    var command: UInt64
    var phase = Phase.fetching
    var unacknowledged = UnacknowledgedRollouts()
    var lastRequest: UInt64 = 0
    private(set) var episode = 0
    /// (seeds, episodes)
    private(set) var returns: [Float]

    private var environment: (any Environment)?
    private var policy: InContextPolicy?
    private var batch: UInt64 = 0
    private var rows: RolloutColumnsOfEpisode

    init(job: EvaluationJob, command: UInt64, environment: EnvironmentDescription) {
        self.job = job
        self.command = command
        returns = [Float](repeating: 0, count: job.seeds * job.episodes)
        rows = RolloutColumnsOfEpisode(seeds: job.seeds, environment: environment)
    }

    var lifetime: LifetimeIdentifier {
        LifetimeIdentifier(collection: .evaluation(job.evaluation), task: job.task, repetition: 0)
    }

    /// Every random number depends on seed, task and the seed's number alone, so the result does not depend on who
    /// works on the job, nor how often it was begun.
    func start(model: TransformerModel, context: ExperimentContext) throws {
        let keys = (0..<job.seeds).map {
            StreamKey(seed: context.experiment.seed, task: job.task, repetition: 0, actor: $0)
        }
        environment = try context.distribution.makeEnvironment(task: try context.task(job.task), keys: keys)
        policy = try InContextPolicy(
            model: model, keys: keys, settings: InContextPolicy.Settings(temperature: job.temperature))
        for seed in 0..<job.seeds { environment?.reset(seed, episode: 0) }
        rows.clear()
        phase = .running
    }

    /// One step of every seed; encoded rollouts when it ended the episode.
    func step() -> (bytes: [UInt8], headers: [RolloutHeader])? {
        guard let policy, environment != nil else { return nil }
        rows.observe { environment?.observe($0, into: $1) }
        policy.act(observations: rows.observation, actions: rows.action)
        environment?.step(
            actions: UnsafeRawPointer(rows.action), rewards: rows.reward, terminations: rows.termination,
            truncations: rows.truncation)
        policy.record(rewards: rows.reward)
        for seed in 0..<job.seeds { returns[seed * job.episodes + episode] += rows.reward[seed] }
        // Episodes of the same length end together; the horizon is fixed.
        guard rows.append(finalObservation: { environment?.observe($0, into: $1) }) else { return nil }
        let result = pack()
        episode += 1
        for seed in 0..<job.seeds {
            environment?.reset(seed, episode: UInt64(episode))
            if job.clearContext { policy.clear(seed) }
        }
        if episode == job.episodes { phase = .draining }
        rows.clear()
        return result
    }

    private func pack() -> (bytes: [UInt8], headers: [RolloutHeader]) {
        batch += 1
        let content = rows.pack(
            lifetime: lifetime, incarnation: job.incarnation, episode: UInt64(episode),
            isLast: episode + 1 == job.episodes)
        let rollouts = Rollouts(attempt: 0, firstActor: 0, batch: batch, content: content)
        return (Envelope(.rollouts(rollouts)).encoded(), content.headers)
    }
}
