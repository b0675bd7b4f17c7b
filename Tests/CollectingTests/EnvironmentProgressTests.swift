import Collecting
import Environments
import Experience
import Nodes
import Testing

/// Tells what is said of the work while it makes an environment, which it does not.
private struct Elsewhere: TaskDistribution {
    let environment = EnvironmentDescription(
        name: "elsewhere", observationSpace: .discrete(count: 1), actionSpace: .discrete(count: 2), horizon: 4,
        json: "{}")
    let count = 1
    let processName: String?
    let progress: WorkProgress

    func ids(of split: Split) -> [Int] { [] }
    func task(_ id: Int) throws -> Task { Task(id: id, split: .train, json: "{}") }
    func references(of task: Task) -> ReferenceReturns { ReferenceReturns() }
    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        throw EnvironmentError(progress.undertaking?.what ?? "nothing is said")
    }
}

@Suite("What is said while an environment is made") struct EnvironmentProgressTests {
    @Test(
        "names the process that is waited for, where there is one, and is over then",
        arguments: [
            ("CartPole-v1", "waits for environment CartPole-v1 to start"), (nil, "nothing is said"),
        ])
    func words(name: String?, words: String) throws {
        let progress = WorkProgress()
        let tasks = Elsewhere(processName: name, progress: progress)
        #expect {
            _ = try tasks.makeEnvironment(task: try tasks.task(0), keys: [], progress)
        } throws: { "\($0)".contains(words) }
        #expect(progress.undertaking == nil)
    }
}
