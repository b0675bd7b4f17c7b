package import Environments
package import Histories

/// Collects the streams that a model may be taught with: sealed ones of train tasks, all of one environment.
///
/// `StreamFolder.forEachStream(where: histories.accepts) { try histories.append($0) }` reads a folder.
package struct LearningHistories: Sendable {
    private let settings: WindowSettings
    private let includesLateActors: Bool
    private var streamsOfLifetime: [LifetimeIdentifier: Int] = [:]
    private var tasks: Set<Int> = []
    /// The environment of the streams; nil before the first.
    package private(set) var environment: EnvironmentDescription?
    package private(set) var arrays: StreamArrays?

    /// `includesLateActors`: whether streams of actors that joined in mid-lifetime count, whose learning began before.
    package init(settings: WindowSettings, includesLateActors: Bool = false) throws {
        try settings.validate()
        self.settings = settings
        self.includesLateActors = includesLateActors
    }

    /// Ids of the tasks that are learnt from, ascending.
    package var trainedTasks: [Int] { tasks.sorted() }

    /// Whether a stream counts, by what it says about itself. A held-out task's stream never does.
    package func accepts(_ metadata: StreamMetadata) -> Bool {
        guard metadata.task.split == .train, metadata.isComplete, metadata.sourceAlgorithm != "distilled" else {
            return false
        }
        guard includesLateActors || metadata.firstPolicyVersion == 0 else { return false }
        guard let maximum = settings.maximumStreamsPerLifetime else { return true }
        return streamsOfLifetime[lifetime(metadata), default: 0] < maximum
    }

    /// Adds the finished episodes of a stream. Throws `StreamArraysError` when it is of another environment.
    package mutating func append(_ stream: StreamContents) throws {
        let metadata = stream.metadata
        let expected = environment ?? metadata.environment
        guard metadata.environment == expected else {
            throw StreamArraysError(
                "\(stream.path) is of \(metadata.environment.name) \(metadata.environment.json), the streams before it "
                    + "of \(expected.name) \(expected.json); a model is taught with one environment")
        }
        var appended =
            arrays ?? StreamArrays(observationSpace: expected.observationSpace, actionSpace: expected.actionSpace)
        arrays = nil
        try appended.append(stream)
        arrays = appended
        environment = expected
        tasks.insert(metadata.task.id)
        streamsOfLifetime[lifetime(metadata), default: 0] += 1
    }

    private func lifetime(_ metadata: StreamMetadata) -> LifetimeIdentifier {
        LifetimeIdentifier(task: metadata.task.id, repetition: metadata.repetition)
    }
}
