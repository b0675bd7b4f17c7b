package import Environments
import Experience

/// What `replay` finds out about one stream: whether its environment, given the recorded actions, does the same again.
///
/// The proof that a history is what its environment does: one copy is stepped through every episode, and observations,
/// rewards and flags are compared bit by bit. It stops at the first difference, since what follows would only be its
/// consequence.
package struct StreamReplay: Sendable, Codable, Equatable {
    /// As it was given.
    package let path: String
    /// Transitions that were simulated again and found equal.
    package var transitions = 0
    /// The first difference, in words.
    package var difference: String?
    /// Why the stream cannot be replayed: damage, or an environment that promises no replay.
    package var problem: String?

    /// Every transition was simulated again and came out the same.
    package var isSound: Bool { difference == nil && problem == nil }

    /// Makes one copy of the environment that a stream was recorded from.
    ///
    /// Throws where the environment is unknown or promises no replay; its words become the `problem`.
    package typealias Factory = (StreamMetadata) throws -> any Environment

    /// Replays one file. Never throws: what cannot be read is a problem.
    ///
    /// Takes as long as the environment takes for all steps, on one thread.
    package init(path: String, environment: Factory = StreamReplay.builtIn) {
        self.path = path
        do {
            let contents = try StreamContents(path: path)
            try replay(contents, environment(contents.metadata))
        } catch let error as StreamError {
            problem = error.problem
        } catch {
            problem = "\(error)"
        }
    }

    /// The environments that come with Distillery.
    ///
    /// Throws what the environment's registry throws for a name or settings that it does not know.
    package static func builtIn(_ metadata: StreamMetadata) throws -> any Environment {
        try metadata.makeRecordedTask().makeEnvironment(key: metadata.key)
    }

    /// Compares spaces and actions before the first step, because an action outside its space may trap in the
    /// environment.
    private mutating func replay(_ contents: StreamContents, _ environment: any Environment) throws {
        let recorded = contents.metadata.environment
        let found = environment.description
        // Of environments that the caller makes; those of the registry were compared before.
        guard found.observationSpace == recorded.observationSpace, found.stored == recorded.stored,
            found.actionSpace == recorded.actionSpace
        else {
            problem = "the file's spaces are not those of \(recorded.name)"
            return
        }
        let outside = contents.rows[.actions].withUnsafeBytes { recorded.actionSpace.firstOutside($0) }
        if let outside {
            problem = "row \(outside): the action is outside its space"
            return
        }
        (transitions, difference) = try simulate(contents, environment)
    }
}

/// Steps one copy through all episodes. Gives the transitions that were equal and the first difference. Throws what the
/// environment throws.
///
/// A copy of one: the recorded key gives it the same random numbers as the actor had.
private func simulate(_ contents: StreamContents, _ start: some Environment) throws -> (Int, String?) {
    var environment = start
    let rows = contents.rows
    let width = contents.metadata.environment.stored.space.byteCount
    let actionWidth = contents.metadata.environment.actionSpace.byteCount
    var observation = [UInt8](repeating: 0, count: width)
    var equal = 0

    /// What differs between the environment's observation and element `index` of a recorded column.
    func observationDifference(_ recorded: [UInt8], _ index: Int) -> String? {
        observation.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { environment.observe(0, into: base) }
        }
        let expected = recorded[(index * width)..<((index + 1) * width)]
        return observation.elementsEqual(expected)
            ? nil : "\(preview(expected)) is recorded, the environment gives \(preview(observation[...]))"
    }

    for episode in contents.episodes {
        try environment.reset(0, episode: episode.number)
        for row in episode.rows {
            var place: String { "row \(row), episode \(episode.number), step \(row - episode.rows.lowerBound)" }
            if let difference = observationDifference(rows[.observations], row) {
                return (equal, "\(place): observation \(difference)")
            }
            var reward: Float = 0
            var terminated: UInt8 = 0
            var truncated: UInt8 = 0
            try rows[.actions].withUnsafeBytes { actions in
                if let base = actions.baseAddress {
                    try environment.step(
                        actions: base + row * actionWidth, rewards: &reward, terminations: &terminated,
                        truncations: &truncated)
                }
            }
            guard reward == rows.rewards[row] else {
                return (equal, "\(place): reward \(rows.rewards[row]) is recorded, the environment gives \(reward)")
            }
            guard terminated == rows[.terminations][row], truncated == rows[.truncations][row] else {
                return (
                    equal,
                    "\(place): terminated \(rows[.terminations][row]) and truncated \(rows[.truncations][row]) are recorded, "
                        + "the environment gives \(terminated) and \(truncated)"
                )
            }
            equal += 1
        }
        if let final = episode.final, let difference = observationDifference(rows[.finalObservations], final) {
            return (equal, "episode \(episode.number): final observation \(difference)")
        }
    }
    return (equal, nil)
}

/// The beginning of an element for a message.
///
/// At most 8 bytes of it.
private func preview(_ bytes: ArraySlice<UInt8>) -> String {
    "\(Array(bytes.prefix(8)))\(bytes.count > 8 ? "..." : "")"
}
