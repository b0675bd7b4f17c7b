package import Environments
package import Experience
package import Nodes

extension TaskDistribution {
    /// Calls `makeEnvironment`, and says in `progress`, which `status` shows, that the node waits for a process of the
    /// environment to start. Throws as `makeEnvironment` does.
    package func makeEnvironment(
        task: Task, keys: [StreamKey], _ progress: WorkProgress?
    ) throws -> any Environment {
        guard let processName else { return try makeEnvironment(task: task, keys: keys) }
        progress?.note("waits for environment \(processName) to start")
        defer { progress?.finish() }
        return try makeEnvironment(task: task, keys: keys)
    }
}
