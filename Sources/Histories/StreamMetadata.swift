package import Environments
package import Experience
import FoundationEssentials

/// What a stream file says about itself, in its attributes.
///
/// Set when its file is made, and protected by one checksum (`CheckedAttributes`); only `isComplete` changes
/// later. A file can be replayed from this and its actions alone. The attributes' names stand at the fields where they
/// are others than the field's in snake case.
package struct StreamMetadata: Hashable, Sendable {
    /// The attribute `schema_version`. A file with another number is refused: there is no second layout yet.
    package static let schemaVersion = 1

    /// Of the program that began the stream. Streams with different ones may be taken up by each other's writers.
    package var softwareVersion: String
    /// `environment` (the name), `environment_json`, `horizon` (0 where there is none), `observation_space`,
    /// `action_space`; `stored_name` and `stored_space` where streams store something else than what is seen.
    package var environment: EnvironmentDescription
    /// `task_id`, `task_json`, `split`
    package var task: Task
    /// Number of the lifetime on its task, from 0.
    package var repetition: Int
    /// `a3c`, `ucb`, `dqn`, `rl2`; in an evaluation its policy: `distilled`, `random`.
    package var sourceAlgorithm: String
    /// Settings of the source algorithm, or the `EvaluationSource` of an evaluation, as JSON.
    package var sourceJSON: String
    /// Number of the actor in its lifetime, from 0; in an evaluation the number of the seed.
    package var actor: Int
    /// The run's seed: with task, repetition and actor it is the key of the stream's random numbers (`key`).
    package var seed: UInt64
    /// ISO 8601, UTC.
    package var created: String
    /// The policy version of the first rollout: above 0 where the actor joined in mid-lifetime.
    package var firstPolicyVersion: UInt64
    /// The attribute `complete`: the stream was sealed. A writer begins with 0 and ignores what is set here.
    package var isComplete: Bool

    /// Nothing is checked; what does not fit an attribute is found when the file is made.
    package init(
        softwareVersion: String, environment: EnvironmentDescription, task: Task, repetition: Int,
        sourceAlgorithm: String, sourceJSON: String, actor: Int, seed: UInt64,
        created: String = StreamMetadata.timestamp(), firstPolicyVersion: UInt64 = 0, isComplete: Bool = false
    ) {
        self.softwareVersion = softwareVersion
        self.environment = environment
        self.task = task
        self.repetition = repetition
        self.sourceAlgorithm = sourceAlgorithm
        self.sourceJSON = sourceJSON
        self.actor = actor
        self.seed = seed
        self.created = created
        self.firstPolicyVersion = firstPolicyVersion
        self.isComplete = isComplete
    }

    /// What acts, in the stream of an evaluation; nil in a learning history, and in evaluations that were recorded
    /// before this was in them.
    package var evaluation: EvaluationSource? { try? EvaluationSource(json: sourceJSON) }

    /// Whether it is of an evaluation, and no learning history.
    package var isOfEvaluation: Bool { sourceAlgorithm == "distilled" || evaluation != nil }

    /// The key of the stream's random numbers. Evaluations recorded before their names were in it have `{}` as source,
    /// and the key of the actor of that number.
    ///
    /// Computed from the fields, so that a file cannot say a key that it did not have.
    package var key: StreamKey {
        StreamKey(
            collection: evaluation.map { .evaluation($0.evaluation) } ?? .histories, seed: seed, task: task.id,
            repetition: repetition, actor: actor)
    }

    /// The stream's task, from the registry of environments. Throws `EnvironmentError` where the attributes do not
    /// describe one, or claim other spaces than it has.
    package func makeRecordedTask() throws -> RecordedTask {
        let recorded = try RecordedTask(
            environment: environment.name, environmentJSON: environment.json, id: task.id, taskJSON: task.json)
        try recorded.check(hasSpacesOf: environment)
        return recorded
    }

    /// What is seen of the stream's observations; nil, without a look at the registry, where that is what is stored.
    /// Throws as `makeRecordedTask` does.
    package func makeView() throws -> (any ObservationView)? {
        environment.hasView ? try makeRecordedTask().makeView() : nil
    }

    /// Now, as `2026-01-31T12:00:00Z`.
    ///
    /// To the second, without fractions.
    package static func timestamp() -> String {
        Date().formatted(.iso8601)
    }
}
