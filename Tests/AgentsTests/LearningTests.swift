import Agents
import Environments
import Experience
import TestSupport
import Testing

@Suite("A lifetime in one process")
struct LearningTests {
    @Test("the actor-critic learns a 5 x 5 room, and the lifetime ends by its rule")
    func learns() throws {
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 5, horizon: 12), split: TaskSplit(testTasks: 4))
        let task = try tasks.task(4)
        let optimum = try #require(tasks.references(of: task).optimum)
        var settings = ActorCriticSettings()
        settings.learningRate = 1e-3
        settings.rolloutLength = 12
        let lifetime = try LocalLifetime(
            algorithm: .actorCritic(settings), tasks: tasks, task: task, repetition: 0, seed: 1, actors: 20)
        let end = LifetimeEnd(
            episodesPerActor: 2000, converged: LifetimeEnd.Convergence(window: 10, share: 0.95, extraEpisodes: 5))
        var progress = LifetimeProgress(end: end, optimalReturn: optimum, actors: Array(0..<20))
        var returns = EpisodeReturns()
        var first: Double?
        var last = 0.0
        while !lifetime.isDone {
            let batches = try lifetime.collect(episodeLimit: progress.episodeLimit)
            let finished = returns.add(batches, RolloutLayout(observationBytes: 2, actionBytes: 1))
            if !finished.isEmpty {
                last = finished.reduce(0) { $0 + $1.totalReward } / Double(finished.count)
                if first == nil { first = last }
            }
            progress.add(finished)
            _ = try lifetime.learn(from: batches)
        }
        #expect(first ?? .infinity < 0.3 * optimum)
        #expect(last > 0.9 * optimum)
        let converged = try #require(progress.convergedAtEpisode)
        #expect(progress.longestLife == converged + 5)
    }
}
