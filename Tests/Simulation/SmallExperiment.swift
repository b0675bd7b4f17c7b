/// A small experiment; `rolloutLength` need not divide the horizon.
package func smallExperiment(
    lockstep: Bool, actors: Int = 3, processes: Int = 2, learners: Int = 1, trainTasks: Int = 1, episodes: Int = 8,
    rolloutLength: Int = 3, seed: Int = 1, checkpointSeconds: Int = 5
) -> String {
    """
    name: simulated
    seed: \(seed)
    environment: {size: 3, horizon: 4}
    tasks: {test: 1, train: \(trainTasks)}
    source: {hidden: [8], rollout_length: \(rolloutLength), learning_rate: 0.01}
    collect:
      actors: \(actors)
      test_lifetimes: 0
      synchronization: \(lockstep ? "lockstep" : "asynchronous")
      end: {episodes_per_actor: \(episodes)}
    cluster:
      learners: \(learners)
      actor_processes: \(processes)
      learner_checkpoint_seconds: \(checkpointSeconds)
    distil:
      training: {steps: 3, batch_size: 2, checkpoint_every: 2}
      model: {context_length: 2, dimension: 8, heads: 1, layers: 1, feed_forward: 8}
      windows: {every_episodes: 1}
    evaluate: {train_tasks: 1, seeds: 2, episodes: 3}
    """
}
