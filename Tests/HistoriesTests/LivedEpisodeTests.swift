import Environments
import Experience
import Foundation
import Histories
import Testing

@Suite("Recorded episodes step by step") struct LivedEpisodeTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lived-\(UUID().uuidString)").path
    private let tasks: WatermazeTasks
    private let task: Task

    init() throws {
        tasks = try WatermazeTasks()
        task = try tasks.task(7)
    }

    /// The environment's observations for an episode's actions.
    private func replayed(_ actions: [[UInt8]], episode: UInt64) throws -> [[UInt8]] {
        let key = StreamKey(seed: 5, task: task.id, repetition: 0, actor: 2)
        var copy = try tasks.makeEnvironment(task: task, keys: [key])
        func observe() -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 16)
            copy.observe(0, into: &bytes)
            return bytes
        }
        try copy.reset(0, episode: episode)
        var observations = [observe()]
        for action in actions {
            var (reward, terminated, truncated): (Float, UInt8, UInt8) = (0, 0, 0)
            try copy.step(actions: action, rewards: &reward, terminations: &terminated, truncations: &truncated)
            observations.append(observe())
        }
        return observations
    }

    @Test("have what was seen before each step and after the last, as far as the stream goes") func episodes() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let stream = PlayedStream(tasks: tasks, task: task, actor: 2, incarnations: [[30, 45], [60]])
        try stream.record(below: folder)
        let contents = try StreamContents(path: "\(folder)/\(stream.place)")
        #expect(contents.episodes.map(\.end) == [.truncated, .cut, .truncated, .unfinished])
        for (episode, steps) in zip(contents.episodes, [50, 24, 50, 9]) {
            let lived = try contents.lived(episode)
            #expect(lived.steps.count == steps)
            let expected = try replayed(lived.steps.map(\.action), episode: episode.number)
            #expect(lived.observations == expected, "episode \(episode.number)")
            #expect(lived.steps.last?.isTruncated == episode.isFinished)
            #expect(lived.steps.allSatisfy { !$0.isTerminated })
        }
    }
}
