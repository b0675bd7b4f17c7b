import Environments
import Experience
import Settings
import Testing

@Suite("What an environment declares optimal")
struct SolvedEnvironmentTests {
    /// The return of an episode that is played as the environment says.
    private func play(_ environment: any SolvedEnvironment, episode: UInt64) throws -> Double {
        var environment = environment
        var action = [UInt8](repeating: 0, count: environment.description.actionSpace.byteCount)
        var total = 0.0
        var (reward, terminated, truncated) = (Float(0), UInt8(0), UInt8(0))
        try environment.reset(0, episode: episode)
        while terminated | truncated == 0 {
            environment.chooseOptimally(into: &action)
            try environment.step(
                actions: &action, rewards: &reward, terminations: &terminated, truncations: &truncated)
            total += Double(reward)
        }
        return total
    }

    /// So many episodes of a task whose optimum is an expectation.
    private static let episodes = 200

    @Test(
        "brings the return that is called the optimum of its task, in every environment of one task",
        arguments: RegisteredEnvironment.single.names)
    func optimum(name: String) throws {
        let kind = try RegisteredEnvironment.registry.named(name)
        let tasks = try EnvironmentSettings(kind).makeTasks(split: TaskSplit(testTasks: 0))
        for id in stride(from: 0, to: tasks.count, by: max(1, tasks.count / 100)) {
            let task = try tasks.task(id)
            let made = try tasks.makeEnvironment(
                task: task, keys: [StreamKey(seed: 1, task: id, repetition: 0, actor: 0)])
            let solved = try #require(made as? any SolvedEnvironment, "\(name) does not say what is best")
            let optimum = try #require(tasks.references(of: task).optimum, "\(name) \(task.json)")
            let returns = try (0..<Self.episodes).map { try play(solved, episode: UInt64($0)) }
            let mean = returns.reduce(0, +) / Double(returns.count)
            let variance = returns.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(returns.count)
            // Four standard errors; nothing where every episode is alike.
            let tolerance = 4 * (variance / Double(returns.count)).squareRoot() + 1e-9
            #expect(abs(mean - optimum) <= tolerance, "\(name) \(task.json): \(mean), not \(optimum)")
        }
    }

    @Test("in a dark room it is a walk to the goal, one step at a time for every copy, and then to stay")
    func darkRoom() throws {
        let tasks = try DarkRoomTasks()
        let task = try tasks.task(48)  // (3, 5), from (4, 4)
        let keys = (0..<2).map { StreamKey(seed: 1, task: 48, repetition: 0, actor: $0) }
        var environment = try #require(
            try tasks.makeEnvironment(task: task, keys: keys) as? any SolvedEnvironment)
        for index in 0..<2 { try environment.reset(index, episode: 0) }
        var chosen: [[UInt8]] = []
        var (rewards, terminated, truncated): ([Float], [UInt8], [UInt8]) = ([0, 0], [0, 0], [0, 0])
        for _ in 0..<3 {
            var actions: [UInt8] = [9, 9]
            environment.chooseOptimally(into: &actions)
            chosen.append(actions)
            // The second copy goes its own way.
            actions[1] = 1
            try environment.step(
                actions: actions, rewards: &rewards, terminations: &terminated, truncations: &truncated)
        }
        #expect(chosen == [[0, 0], [3, 0], [4, 0]])
    }
}
