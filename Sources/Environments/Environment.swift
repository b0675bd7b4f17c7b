package import Experience

/// What is fixed for all tasks of one environment: its spaces, its horizon, its settings. Networks, stream files and
/// checkpoints are made by it before any task is known.
package struct EnvironmentDescription: Hashable, Sendable {
    /// Name in experiment files and streams, for example `dark-room`.
    package let name: String
    package let observationSpace: Space
    package let actionSpace: Space
    /// Most steps of an episode: an episode that nothing ends earlier is truncated at this one.
    package let horizon: Int
    /// Settings as JSON (`{"horizon":20,"size":9}`): the stream attribute `environment_json`.
    package let json: String

    package init(name: String, observationSpace: Space, actionSpace: Space, horizon: Int, json: String) {
        self.name = name
        self.observationSpace = observationSpace
        self.actionSpace = actionSpace
        self.horizon = horizon
        self.json = json
    }

    /// What the columns of its rollouts hold.
    package var rolloutLayout: RolloutLayout { RolloutLayout(observation: observationSpace, action: actionSpace) }
}

/// A batch of independent copies of one environment, all on the same task, stepped together by one thread.
///
/// Copies never interact and the result of a copy does not depend on the others: given the task, its stream key, the
/// episode's number and the actions, everything is determined. So a recorded stream can be replayed and compared, and
/// carried on by another process. No call allocates.
///
/// The order of calls for one copy: `reset`, then `observe` and `step` in turn; after a step with a flag `observe` once
/// more, which shows the episode's final observation, then `reset` again.
package protocol Environment {
    var description: EnvironmentDescription { get }
    /// Number of copies, B.
    var count: Int { get }
    /// Starts episode number `episode` (counted from 0 over the whole stream) in copy `index`.
    mutating func reset(_ index: Int, episode: UInt64)
    /// Writes o_t of copy `index`: `observationSpace.byteCount` bytes.
    func observe(_ index: Int, into observation: UnsafeMutableRawPointer)
    /// Takes one step in every copy. `actions`: (B, action bytes), each inside the action space, which is the caller's
    /// duty. Writes r_t, terminated and truncated, (B) each; flags are 0 or 1. A copy whose episode ended must be reset
    /// before the next step.
    ///
    /// Terminated means that the task's own rules ended the episode, truncated that a limit on its steps did.
    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>)
}

/// A setting, a split or a task description that an environment cannot accept: a sentence with what was expected and
/// what came. Never thrown while an environment steps.
package struct EnvironmentError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }

    /// An id that no task of a distribution has.
    package static func noTask(_ id: Int, of environment: String, _ count: Int) -> EnvironmentError {
        EnvironmentError("task \(id) is not one of the \(count) tasks of \(environment)")
    }
}
