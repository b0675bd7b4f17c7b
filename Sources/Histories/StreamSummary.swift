import Environments

/// What `list` and `show` tell about one stream; cheap to make, no row is read.
///
/// The properties are those of `StreamMetadata` under names that make good JSON keys, and counts.
package struct StreamSummary: Sendable, Codable, Equatable {
    /// As the reader was given it.
    package let path: String
    package let environment: String
    /// Settings of the environment, as `StreamMetadata.environment` has them.
    package let environmentJson: String
    /// The environment's number of the task.
    package let taskId: Int
    /// The task's own description, as its environment reads it.
    package let taskJson: String
    /// `train` or `test`.
    package let split: String
    /// Number of the lifetime on its task, from 0.
    package let repetition: Int
    /// Number of the actor in its lifetime, from 0; in an evaluation the number of the seed.
    package let actor: Int
    package let seed: UInt64
    /// `a3c`, `ucb`, `dqn`, `rl2`, or `distilled` in an evaluation.
    package let sourceAlgorithm: String
    /// Settings of the source algorithm, or in an evaluation what acts (`EvaluationSource`).
    package let sourceJson: String
    /// Of the program that began the stream.
    package let softwareVersion: String
    /// ISO 8601, UTC.
    package let created: String
    /// It is complete, and cannot grow.
    package let isSealed: Bool
    /// Transitions that `rollouts` covers.
    package let rows: UInt64
    /// Rows of `rollouts`, unchecked.
    package let rollouts: Int
    /// Rows of `final_observations`; a torn file may have some more than its rollouts cover.
    package let finishedEpisodes: Int
    /// Of the first and of the last rollout; empty for a stream without rollouts.
    package let policyVersions: [UInt64]
    /// How many different ones the rollouts have: 1 for a stream whose carrier never died.
    package let incarnations: Int
    /// Size of the file, compressed where it is sealed.
    package let fileBytes: Int

    /// Reads nothing more than the reader has read already; the reader stays open.
    package init(_ reader: StreamReader) {
        let metadata = reader.metadata
        path = reader.path
        environment = metadata.environment.name
        environmentJson = metadata.environment.json
        taskId = metadata.task.id
        taskJson = metadata.task.json
        split = metadata.task.split.rawValue
        repetition = metadata.repetition
        actor = metadata.actor
        seed = metadata.seed
        sourceAlgorithm = metadata.sourceAlgorithm
        sourceJson = metadata.sourceJSON
        softwareVersion = metadata.softwareVersion
        created = metadata.created
        isSealed = metadata.isComplete
        rows = reader.rollouts.last?.endStep ?? 0
        rollouts = reader.rollouts.count
        finishedEpisodes = reader.finalCount
        policyVersions =
            reader.rollouts.isEmpty ? [] : [reader.rollouts[0], reader.rollouts[rollouts - 1]].map(\.policyVersion)
        incarnations = Set(reader.rollouts.map(\.incarnation)).count
        fileBytes = reader.fileBytes
    }
}

/// What `show` adds: the learning curve of one stream.
///
/// Reads and checks the whole file, so it takes as long as `verify`.
package struct StreamDetails: Sendable, Codable, Equatable {
    /// The same as `list` shows.
    package let summary: StreamSummary
    /// Returns of the finished episodes in order.
    package let episodeReturns: [Double]
    /// Episodes whose carrier died before their end.
    package let cutEpisodes: Int

    /// Throws `damaged` at the first thing that is wrong with the file.
    ///
    /// Memory: the whole stream, uncompressed.
    package init(path: String) throws(StreamError) {
        let reader = try StreamReader(path: path)
        defer { reader.close() }
        let contents = try StreamContents(reader)
        summary = StreamSummary(reader)
        episodeReturns = contents.episodes.compactMap(\.episodeReturn)
        cutEpisodes = contents.episodes.count { $0.end == .cut }
    }
}
