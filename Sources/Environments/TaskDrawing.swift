import Experience

/// A distribution that shows its tasks to people, as pictures in text.
///
/// A capability beside `EnvironmentKind`: a kind that lacks it is shown by its tasks' JSON, and its actions by their
/// numbers. What is drawn is for people alone; nothing reads it back.
package protocol DrawnTasks: TaskDistribution {
    /// What each action of a discrete space does, by its number: `left`, `right`.
    var actionNames: [String] { get }
    /// Several lines without a line break at the end. Throws `EnvironmentError` for a task of another distribution.
    func picture(of task: Task) throws -> String
    /// What became of the task in the course of an episode; nil where that makes no picture. Throws as `picture(of:)`.
    func picture(of episode: LivedEpisode, in task: Task) throws -> String?
}

extension DrawnTasks {
    package func picture(of episode: LivedEpisode, in task: Task) throws -> String? { nil }
}

extension TaskDistribution {
    /// The task as its environment draws it, or else its JSON. Throws as `DrawnTasks.picture`.
    package func drawing(of task: Task) throws -> String {
        try (self as? any DrawnTasks)?.picture(of: task) ?? task.json
    }

    /// The episode as its environment draws it; nil where it does not. Throws as `DrawnTasks.picture`.
    package func drawing(of episode: LivedEpisode, in task: Task) throws -> String? {
        try (self as? any DrawnTasks)?.picture(of: episode, in: task)
    }

    /// An action in words: its number with the environment's name for it, as in `0 left`.
    package func words(ofAction action: [UInt8]) -> String {
        let number = environment.actionSpace.words(of: action)
        guard case .discrete = environment.actionSpace, let index = Int(number),
            let names = (self as? any DrawnTasks)?.actionNames, names.indices.contains(index)
        else { return number }
        return "\(number) \(names[index])"
    }

    /// The episode as a table: a line for each step with what was stored of its observation, the action with its
    /// meaning, the reward and the flags, and one that sums up.
    package func table(of episode: LivedEpisode) -> String {
        let space = environment.stored.space
        let rows = episode.steps.enumerated().map { index, step in
            [
                "\(index + 1)", space.words(of: step.observation), words(ofAction: step.action), number(step.reward),
                step.flags,
            ]
        }
        let head = [
            "step", environment.stored.isUsual ? "observation" : environment.stored.name, "action", "reward", "",
        ]
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ fields: [String]) -> String {
            let padded = fields.enumerated().map { column, field in
                let space = String(repeating: " ", count: widths[column] - field.count)
                return column == 0 || column == 3 ? space + field : field + space
            }
            let text = padded.joined(separator: "  ")
            return String(text.prefix(text.count - text.reversed().prefix { $0 == " " }.count))
        }
        let total = episode.steps.reduce(0) { $0 + Double($1.reward) }
        let end = "return \(number(Float(total))) in \(episode.steps.count) steps, "
        return (([head] + rows).map(line) + [end + "final observation \(space.words(of: episode.finalObservation))"])
            .joined(separator: "\n")
    }
}

/// Whole numbers without a point.
private func number(_ value: Float) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

extension StoredObservation {
    /// Streams store what is seen, under its own name.
    fileprivate var isUsual: Bool { name == Self.usualName }
}

/// An episode step by step, in the bytes of its environment's spaces: what `Environment` shows, kept for people.
package struct LivedEpisode: Hashable, Sendable {
    /// One transition.
    package struct Step: Hashable, Sendable {
        /// o_t as streams store it.
        package let observation: [UInt8]
        /// a_t.
        package let action: [UInt8]
        /// r_t.
        package let reward: Float
        package let isTerminated: Bool
        package let isTruncated: Bool

        package init(
            observation: [UInt8], action: [UInt8], reward: Float, isTerminated: Bool = false, isTruncated: Bool = false
        ) {
            self.observation = observation
            self.action = action
            self.reward = reward
            self.isTerminated = isTerminated
            self.isTruncated = isTruncated
        }

        /// `terminated`, `truncated`, or nothing.
        package var flags: String { isTerminated ? "terminated" : isTruncated ? "truncated" : "" }
    }

    package var steps: [Step]
    /// What was to be seen after the last step.
    package var finalObservation: [UInt8]

    package init(steps: [Step], finalObservation: [UInt8]) {
        self.steps = steps
        self.finalObservation = finalObservation
    }

    /// What was to be seen before each step and after the last.
    package var observations: [[UInt8]] { steps.map(\.observation) + [finalObservation] }
}

extension Space {
    /// Most numbers of an element that are written out.
    private static var mostWritten: Int { 12 }

    /// An element in words: `4`, `(4, 5)`, or its size alone where it has many numbers.
    package func words(of element: [UInt8]) -> String {
        guard element.count == byteCount else { return "\(element.count) bytes" }
        guard elementCount <= Self.mostWritten else {
            return "\(shape.map(String.init).joined(separator: " x ")) \(elementType.rawValue)"
        }
        let numbers = element.withUnsafeBytes { bytes -> [String] in
            guard let base = bytes.baseAddress else { return [] }
            return (0..<elementCount).map { index in
                elementType == .float32
                    ? "\(base.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))"
                    : "\(integer(at: index, of: base))"
            }
        }
        return shape.isEmpty ? numbers.joined() : "(\(numbers.joined(separator: ", ")))"
    }
}
