import Agents
package import Environments
import Experience

extension EvaluatedTask {
    /// The first episode of the first copy under a policy that needs no checkpoint, step by step, as an evaluation would
    /// live it.
    ///
    /// - Parameter most: steps after which it is left alone, for environments that set no limit themselves
    /// - Throws: `PolicyError` for a policy that cannot act here, `EnvironmentFailure` where the environment cannot go on
    package func episode(of choice: PolicyChoice, most: Int) throws -> LivedEpisode {
        try choice.check(in: distribution)
        let policy = try choice.make(nil, on: self)
        var copies = try distribution.makeEnvironment(task: task, keys: keys)
        let view = try distribution.view(of: task)
        let stored = environment.stored.space.byteCount
        func observe() -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: stored) { bytes, count in
                if let base = bytes.baseAddress { copies.observe(0, into: base) }
                count = stored
            }
        }
        try copies.reset(0, episode: 0)
        var episode = LivedEpisode(steps: [], finalObservation: observe())
        var action = [UInt8](repeating: 0, count: environment.actionSpace.byteCount)
        var seen = [UInt8](repeating: 0, count: environment.observationSpace.byteCount)
        var (reward, terminated, truncated): (Float, UInt8, UInt8) = (0, 0, 0)
        while episode.steps.count < most, terminated == 0, truncated == 0 {
            let observation = episode.finalObservation
            if let view { view.see(observation, count: 1, into: &seen) } else { seen = observation }
            policy.act(observations: seen, episodes: [0], steps: [UInt32(episode.steps.count)], actions: &action)
            try copies.step(actions: action, rewards: &reward, terminations: &terminated, truncations: &truncated)
            policy.receive(rewards: &reward)
            episode.steps.append(
                LivedEpisode.Step(
                    observation: observation, action: action, reward: reward, isTerminated: terminated != 0,
                    isTruncated: truncated != 0))
            episode.finalObservation = observe()
        }
        return episode
    }
}
