package import Experience

/// What is fixed for all tasks of one environment: its spaces, its horizon, its settings. Networks, stream files and
/// checkpoints are made by it before any task is known.
package struct EnvironmentDescription: Hashable, Sendable {
    /// Name in experiment files and streams, for example `dark-room`.
    package let name: String
    /// What policies see.
    package let observationSpace: Space
    /// What streams store of it.
    package let stored: StoredObservation
    package let actionSpace: Space
    /// Most steps of an episode: an episode that nothing ends earlier is truncated at this one. Nil where the
    /// environment sets no limit.
    package let horizon: Int?
    /// Settings as JSON (`{"horizon":20,"size":9}`): the stream attribute `environment_json`.
    package let json: String
    /// Episodes in a row that have one task, from number 0 of a stream on: how long a policy that remembers does so. It
    /// follows from `name` and `json`, and files do not state it.
    package let episodesPerTrial: Int
    /// What a policy can be given of the states that are stored, instead of what is seen of them; nil where these are not
    /// states. It follows from `name` and `json`, and files do not state it.
    package let stateFeatures: StateFeatures?

    /// - Parameter stored: nil where what is seen is stored.
    package init(
        name: String, observationSpace: Space, stored: StoredObservation? = nil, actionSpace: Space, horizon: Int?,
        json: String, episodesPerTrial: Int = 1, stateFeatures: StateFeatures? = nil
    ) {
        self.episodesPerTrial = episodesPerTrial
        self.stateFeatures = stateFeatures
        self.name = name
        self.observationSpace = observationSpace
        self.stored = stored ?? StoredObservation(seen: observationSpace)
        self.actionSpace = actionSpace
        self.horizon = horizon
        self.json = json
    }

    /// Whether streams store something else than what is seen, so that each task has an `ObservationView`.
    package var hasView: Bool { stored != StoredObservation(seen: observationSpace) }

    /// Whether a stream's episode of this number is the first on its task.
    package func beginsTrial(_ episode: UInt64) -> Bool { episode.isMultiple(of: UInt64(episodesPerTrial)) }

    /// Two are equal where they say the same; how long a trial is and what states are given as follows from the
    /// name and the settings.
    package static func == (one: Self, other: Self) -> Bool {
        one.name == other.name && one.json == other.json && one.observationSpace == other.observationSpace
            && one.stored == other.stored && one.actionSpace == other.actionSpace && one.horizon == other.horizon
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(json)
    }

    /// What the columns of its rollouts hold.
    package var rolloutLayout: RolloutLayout { RolloutLayout(observation: stored.space, action: actionSpace) }
}

/// A batch of independent copies of one environment, all on the same task, stepped together by one thread.
///
/// Copies never interact and the result of a copy does not depend on the others: given the task, its stream key, the
/// episode's number and the actions, everything is determined. So a recorded stream can be replayed and compared, and
/// carried on by another process. No call allocates.
///
/// An environment in another process, or one that asks a server, can fail: it throws `EnvironmentFailure` then, and is
/// not used any more. Its actors lose the episodes that they are in, and go on with another.
///
/// The order of calls for one copy: `reset`, then `observe` and `step` in turn; after a step with a flag `observe` once
/// more, which shows the episode's final observation, then `reset` again.
package protocol Environment {
    var description: EnvironmentDescription { get }
    /// Number of copies, B.
    var count: Int { get }
    /// Starts episode number `episode` (counted from 0 over the whole stream) in copy `index`.
    /// Throws `EnvironmentFailure` where it cannot go on.
    mutating func reset(_ index: Int, episode: UInt64) throws
    /// Writes o_t of copy `index` as streams store it: `description.stored.space.byteCount` bytes.
    func observe(_ index: Int, into observation: UnsafeMutableRawPointer)
    /// Writes o_t of all copies: (B, bytes of an observation). What an actor asks for before each step; an environment
    /// that does not implement it is asked for one copy after the other.
    func observe(into observations: UnsafeMutableRawPointer)
    /// Takes one step in every copy. `actions`: (B, action bytes), each inside the action space, which is the caller's
    /// duty. Writes r_t, terminated and truncated, (B) each; flags are 0 or 1. A copy whose episode ended must be reset
    /// before the next step.
    ///
    /// Terminated means that the task's own rules ended the episode, truncated that a limit on its steps did. Throws
    /// `EnvironmentFailure` where it cannot go on: no copy has taken the step then.
    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>) throws
}

extension Environment {
    package func observe(into observations: UnsafeMutableRawPointer) {
        let width = description.stored.space.byteCount
        for index in 0..<count { observe(index, into: observations + index * width) }
    }
}

/// Why an environment cannot go on, in one sentence: thrown while it steps. Another is made in its place, after a rest;
/// one that fails again and again ends the run with this sentence.
package struct EnvironmentFailure: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
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
