import Environments
import Experience
import Histories
import TestSupport

/// A stream of an environment of the registry under random actions, recorded as a recorder would.
struct PlayedStream {
    let tasks: any TaskDistribution
    let task: Task
    let actor: Int
    /// Rows of the rollouts of each incarnation.
    let incarnations: [[Int]]
    /// Whether the environment is told at every reset that the episode is the first, as a faulty actor would.
    var repeatsFirstEpisode = false

    /// The place of the stream below a run's folder.
    var place: String {
        StreamIdentifier(lifetime: LifetimeIdentifier(task: task.id, repetition: 0), actor: actor).path
    }

    func record(below folder: String) throws {
        let metadata = StreamMetadata(
            softwareVersion: "0", environment: tasks.environment, task: task, repetition: 0, sourceAlgorithm: "random",
            sourceJSON: "{}", actor: actor, seed: 5)
        let writer = try StreamWriter.create(at: "\(folder)/\(place)", metadata: metadata)
        let key = StreamKey(seed: 5, task: task.id, repetition: 0, actor: actor)
        var play = Play(environment: try tasks.makeEnvironment(task: task, keys: [key]), key: key)
        play.repeatsFirstEpisode = repeatsFirstEpisode
        var sequence: UInt64 = 0
        for (incarnation, lengths) in incarnations.enumerated() {
            try play.begin()
            for length in lengths {
                let first = play.episode
                var batch = try play.rows(length)
                batch.headers = [
                    RolloutHeader(
                        actor: actor, incarnation: UInt64(incarnation), sequence: sequence, policyVersion: 0,
                        firstEpisode: first, length: length, finishedEpisodes: play.finished, checksum: 0, isLast: false
                    )
                ]
                batch.seal(tasks.environment.rolloutLayout)
                try writer.append((batch.headers[0], batch))
                sequence += 1
            }
            play.die()
        }
        try writer.seal()
    }
}

/// One copy of an environment on its way through a stream.
private struct Play {
    var environment: any Environment
    var repeatsFirstEpisode = false
    private(set) var episode: UInt64 = 0
    /// Episodes that ended in the last rollout.
    private(set) var finished = 0
    private var isMidEpisode = false
    private var random: PhiloxSequence

    init(environment: any Environment, key: StreamKey) {
        self.environment = environment
        random = PhiloxSequence(Philox(key), purpose: .other)
    }

    mutating func begin() throws { try environment.reset(0, episode: repeatsFirstEpisode ? 0 : episode) }

    /// The carrier dies, and an episode under way with it.
    mutating func die() { if isMidEpisode { episode += 1 } }

    mutating func rows(_ length: Int) throws -> RolloutBatch {
        var batch = RolloutBatch(
            lifetime: LifetimeIdentifier(task: 0, repetition: 0), headers: [], observations: [], actions: [],
            rewards: [], terminations: [], truncations: [], finalObservations: [])
        finished = 0
        for _ in 0..<length {
            let action = UInt8.random(in: 0..<5, using: &random)
            var (reward, terminated, truncated): (Float, UInt8, UInt8) = (0, 0, 0)
            batch.observations += observation
            try environment.step(
                actions: [action], rewards: &reward, terminations: &terminated, truncations: &truncated)
            batch.actions.append(action)
            batch.rewards.append(reward)
            batch.terminations.append(terminated)
            batch.truncations.append(truncated)
            isMidEpisode = terminated | truncated == 0
            guard !isMidEpisode else { continue }
            batch.finalObservations += observation
            finished += 1
            episode += 1
            try begin()
        }
        return batch
    }

    private var observation: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: environment.description.stored.space.byteCount)
        environment.observe(0, into: &bytes)
        return bytes
    }
}
