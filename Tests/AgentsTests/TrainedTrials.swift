import Agents
import Environments
import TestSupport
import Testing

/// Trains a policy with memory on trials of four episodes in a Dark Room of 3 x 3, with a goal anew in each trial: the mean
/// return of each of a trial's episodes over the last 200 updates. Without memory all four are the same.
func returnsAfterTraining(_ memory: ActorCriticSettings, updates: Int) throws -> [Double] {
    let (episodes, horizon, actors, measured) = (4, 8, 32, 200)
    let tasks = try EnvironmentSettings.trials(
        TrialsSettings(of: .darkRoom(DarkRoomSettings(size: 3, horizon: horizon)), episodes: episodes)
    ).makeTasks(split: TaskSplit(testTasks: 0))
    let mixture = try tasks.task(try #require(tasks.ids(of: .train).first))
    var settings = memory
    settings.discount = 0.9
    settings.valueCoefficient = 0.05
    settings.entropyCoefficient = 0.02
    settings.policyHeadScale = 0.1
    let lifetime = try LocalLifetime(
        algorithm: .actorCritic(settings), tasks: tasks, task: mixture, repetition: 0, seed: 2, actors: actors)
    var returns = EpisodeReturns()
    var sums = [Double](repeating: 0, count: episodes)
    for update in 0..<updates {
        let round = try lifetime.collect(episodeLimit: .max)
        for episode in returns.add(round, tasks.environment.rolloutLayout) where update >= updates - measured {
            sums[Int(episode.episode) % episodes] += episode.totalReward
        }
        _ = try lifetime.learn(from: round)
    }
    let trials = Double(measured * settings.rolloutLength * actors) / Double(horizon * episodes)
    return sums.map { $0 / trials }
}
