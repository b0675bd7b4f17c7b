package import Experience

/// What is fixed for all tasks of one environment: its spaces, its horizon, its settings.
package struct EnvironmentDescription: Hashable, Sendable {
    /// Name in experiment files and streams, for example `dark-room`.
    package let name: String
    package let observationSpace: Space
    package let actionSpace: Space
    /// Steps of an episode, where it is fixed.
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
/// episode's number and the actions, everything is determined. No call allocates.
package protocol Environment {
    var description: EnvironmentDescription { get }
    /// Number of copies, B.
    var count: Int { get }
    /// Starts episode number `episode` (counted from 0 over the whole stream) in copy `index`.
    mutating func reset(_ index: Int, episode: UInt64)
    /// Writes o_t of copy `index`: `observationSpace.byteCount` bytes.
    func observe(_ index: Int, into observation: UnsafeMutableRawPointer)
    /// Takes one step in every copy. `actions`: (B, action bytes), each inside the action space.
    /// Writes r_t, terminated and truncated, (B) each. A copy whose episode ended must be reset before the next step.
    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>)
}

/// A setting or task description that an environment cannot accept.
package struct EnvironmentError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }

    /// An id that no task of a distribution has.
    package static func noTask(_ id: Int, of environment: String, _ count: Int) -> EnvironmentError {
        EnvironmentError("task \(id) is not one of the \(count) tasks of \(environment)")
    }
}
