/// DQN(Q-lambda) as small as the rest, for `smallExperiment`: its replay turns over within a few episodes.
package let smallQLambda =
    "algorithm: q-lambda, hidden: [8], sequence_length: 6, overlap: 3, batch: 2, "
    + "replay_transitions: 120, exploration: 0.3, learning_rate: 0.01"

/// The same from pictures of 8 x 12 pixels, which are drawn of what is stored, by two threads.
package let smallQLambdaOnPictures =
    smallQLambda + ", threads: 2, encoder: {kind: resnet, channels: [2], blocks: 1, batch_norm: true, units: 4}"
/// A pool with episodes of four steps, for `smallExperiment`.
package let smallWatermaze = "{name: watermaze, width: 12, height: 8, horizon: 4, move: 300}"

/// Of each twelve seeds that follow on one another four have one recorder, four two, and four three.
func recorders(_ seed: UInt64) -> Int { 1 + Int(seed / 4 % 3) }

/// A small experiment; `rolloutLength` need not divide the horizon. `source`: its settings but for that. `model`: further
/// keys of the distilled model.
package func smallExperiment(
    lockstep: Bool, actors: Int = 3, processes: Int = 2, learners: Int = 1, trainTasks: Int = 1, episodes: Int = 8,
    rolloutLength: Int = 3, seed: Int = 1, checkpointSeconds: Int = 5,
    recorders: Int = 1, lifetimes: Int = 1,
    source: String = "hidden: [8], learning_rate: 0.01", environment: String = "{size: 3, horizon: 4}",
    model: String = ""
) -> String {
    """
    name: simulated
    seed: \(seed)
    environment: \(environment)
    tasks: {test: 1, train: \(trainTasks)}
    source: {\(source), rollout_length: \(rolloutLength)}
    collect:
      actors: \(actors)
      test_lifetimes: 0
      synchronization: \(lockstep ? "lockstep" : "asynchronous")
      end: {episodes_per_actor: \(episodes)}
    cluster:
      learners: \(learners)
      lifetimes_per_learner: \(lifetimes)
      recorders: \(recorders)
      actor_processes: \(processes)
      learner_checkpoint_seconds: \(checkpointSeconds)
    distil:
      training: {steps: 3, batch_size: 2, checkpoint_every: 2}
      model: {context_length: 2, dimension: 8, heads: 1, layers: 1, feed_forward: 8\(model)}
      windows: {every_episodes: 1}
    evaluate: {train_tasks: 1, seeds: 2, episodes: 3}
    """
}
