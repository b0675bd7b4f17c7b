import Agents
import Distillation

/// The distilled model as the actor in the streams of an evaluation, and the returns that it gets. To the collector
/// of rollouts it is an actor like a source algorithm's; what it learns it learns in its context alone, its
/// parameters are frozen.
final class InContextActor: StreamActor {
    let count: Int
    /// (seeds, episodes)
    private(set) var returns: [Float]
    /// Its context goes on across episodes unless it is cleared.
    private let policy: InContextPolicy
    private let episodeCount: Int
    /// Whether every episode begins with an empty context, as the control's do.
    private let clearsContext: Bool
    /// (seeds) the episode of the last `act`.
    private var episodes: [Int]

    init(policy: InContextPolicy, episodes episodeCount: Int, clearsContext: Bool) {
        self.policy = policy
        self.episodeCount = episodeCount
        self.clearsContext = clearsContext
        count = policy.count
        returns = [Float](repeating: 0, count: count * episodeCount)
        episodes = [Int](repeating: 0, count: count)
    }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        for seed in 0..<count {
            self.episodes[seed] = Int(episodes[seed])
            if clearsContext, steps[seed] == 0 { policy.clear(seed) }
        }
        policy.act(observations: observations, actions: actions)
    }

    func receive(rewards: UnsafePointer<Float>) {
        policy.record(rewards: rewards)
        for seed in 0..<count where episodes[seed] < episodeCount {
            returns[seed * episodeCount + episodes[seed]] += rewards[seed]
        }
    }
}
