import Agents
import Distillation

/// A policy as the actor in the streams of an evaluation, and the returns that it gets. To the collector of rollouts it
/// is an actor like a source algorithm's.
final class ScoredActor: StreamActor {
    let policy: any EvaluationPolicy
    /// (seeds, episodes)
    private(set) var returns: [Float]
    private let episodeCount: Int
    /// (seeds) the episode of the last `act`.
    private var episodes: [Int]

    init(_ policy: any EvaluationPolicy, episodes episodeCount: Int) {
        self.policy = policy
        self.episodeCount = episodeCount
        returns = [Float](repeating: 0, count: policy.count * episodeCount)
        episodes = [Int](repeating: 0, count: policy.count)
    }

    var count: Int { policy.count }
    var seesStored: Bool { policy.seesStored }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        for seed in 0..<count { self.episodes[seed] = Int(episodes[seed]) }
        policy.act(observations: observations, episodes: episodes, steps: steps, actions: actions)
    }

    func receive(rewards: UnsafePointer<Float>) {
        policy.receive(rewards: rewards)
        for seed in 0..<count where episodes[seed] < episodeCount {
            returns[seed * episodeCount + episodes[seed]] += rewards[seed]
        }
    }
}
