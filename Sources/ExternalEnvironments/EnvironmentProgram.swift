/// How an environment in another process is reached, and how long it may take.
package struct EnvironmentProgram: Hashable, Sendable {
    package enum Way: Hashable, Sendable {
        /// A program that is started, and is told its endpoint by `--endpoint`. The first is looked for on PATH unless
        /// it is a path.
        case start([String])
        /// A process that the user has started listens there.
        case connect(String)
    }

    /// For people: `CartPole-v1`.
    package let name: String
    package let way: Way
    /// How long it may take from its start to its first answer.
    package let startMilliseconds: Int
    /// How long it may take for any other answer.
    package let answerMilliseconds: Int
    /// Processes that are kept ready beside those that are in use; none where the user starts them.
    package let spareProcesses: Int

    package init(
        name: String, way: Way, startMilliseconds: Int, answerMilliseconds: Int, spareProcesses: Int = 0
    ) {
        self.name = name
        self.way = way
        self.startMilliseconds = startMilliseconds
        self.answerMilliseconds = answerMilliseconds
        self.spareProcesses = if case .start = way { spareProcesses } else { 0 }
    }
}

/// Why an environment in another process cannot go on, in one sentence that names it.
package struct ExternalEnvironmentError: Error, CustomStringConvertible, Sendable {
    package let description: String
    /// The process has refused the request and is as it was: another client can have it.
    package let isRefusal: Bool

    package init(_ description: String, isRefusal: Bool = false) {
        self.description = description
        self.isRefusal = isRefusal
    }
}
