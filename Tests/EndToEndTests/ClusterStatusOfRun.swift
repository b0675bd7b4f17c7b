import Coordination
import Foundation
import Wire

/// What the cluster of a run says of itself, by the command that users have for it; nil while nobody answers.
func status(of run: String, in scratch: Scratch) throws -> ClusterStatus? {
    guard
        let endpoint = try? String(contentsOfFile: run + "/coordinator.endpoint", encoding: .utf8).trimmingCharacters(
            in: .whitespacesAndNewlines)
    else { return nil }
    let command = try RunningCommand(["status", "--coordinator", endpoint, "--json"], in: scratch)
    guard command.wait() == 0 else { return nil }
    return try? ClusterStatus(json: command.standardOutput)
}

/// A room of 5 x 5 and everything small.
func experiment(
    synchronization: String = "asynchronous", actors: Int = 20, processes: Int = 4, learners: Int = 2,
    trainTasks: Int = 4, testTasks: Int = 2, episodes: Int = 300, rolloutLength: Int = 10, more: String = ""
) -> String {
    """
    name: small
    environment: {size: 5, horizon: 10}
    tasks: {test: \(testTasks), train: \(trainTasks)}
    source: {learning_rate: 0.003, hidden: [32, 32], rollout_length: \(rolloutLength)}
    collect:
      actors: \(actors)
      test_lifetimes: 1
      synchronization: \(synchronization)
      end: {episodes_per_actor: \(episodes)}
    cluster:
      learners: \(learners)
      actor_processes: \(processes)
      evaluators: 2
    \(more)
    distil:
      model: {context_length: 20, dimension: 16, layers: 2, heads: 2, feed_forward: 32}
      windows: {every_episodes: 5}
      training: {batch_size: 16, maximum_seconds: 4, warmup_steps: 20}
    evaluate: {episodes: 10, seeds: 2, train_tasks: 2}
    """
}
