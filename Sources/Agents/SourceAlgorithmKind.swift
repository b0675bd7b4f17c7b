package import Environments
package import Experience
package import Settings

/// A source algorithm as a kind that experiments and streams name: what acts, what learns, and what both need.
///
/// A new source algorithm is one folder with a type that conforms, and one line in `Registry.swift`;
/// docs/add-a-source-algorithm.md goes through it. The functions are static because a kind has no state: everything
/// that a lifetime needs is in its settings and its arguments.
package protocol SourceAlgorithmKind: SendableMetatype {
    associatedtype Settings: SettingsGroup
    /// In experiments, and the stream attribute `source_algorithm`: `a3c`.
    static var name: String { get }
    /// One sentence for people.
    static var summary: String { get }
    /// What a lifetime of it needs of everything around it. Throws `SourceAlgorithmError` for settings or spaces that
    /// the algorithm cannot take.
    static func needs(_ settings: Settings, environment: EnvironmentDescription, actors: Int) throws -> LifetimeNeeds
    /// One actor for each key. Throws as `needs` does.
    static func makeActor(
        _ settings: Settings, environment: EnvironmentDescription, keys: [StreamKey]
    ) throws -> any SourceActor
    /// A learner at version 0; seed, task and repetition determine its initial parameters. What rollouts hold of an
    /// observation is what streams store: it sees them through `scene.view` where there is one. Throws as `needs` does.
    static func makeLearner(
        _ settings: Settings, scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws -> any SourceLearner
}

/// What a lifetime of a source algorithm needs of everything around it. Asked when an experiment is read, so that one
/// that cannot be run is refused before anything starts.
package struct LifetimeNeeds: Hashable, Sendable {
    /// Steps of a rollout: what an actor takes between two words from its learner.
    package var rolloutLength: Int
    /// Bytes that a learner saves at most. A plan counts the disk that learners' checkpoints take by it.
    package var largestSavedBytes: Int
    /// Multiplications and additions of one transition: forward to act, forward and backward to learn. For estimates.
    package var operationsPerTransition: Double
    /// Rollouts of each actor that may wait after the learner was asked, on average over the actors. What comes beyond
    /// that is never learnt from.
    package var waitingRollouts: Int

    package init(
        rolloutLength: Int, largestSavedBytes: Int, operationsPerTransition: Double, waitingRollouts: Int = 1
    ) {
        self.waitingRollouts = waitingRollouts
        self.rolloutLength = rolloutLength
        self.largestSavedBytes = largestSavedBytes
        self.operationsPerTransition = operationsPerTransition
    }
}

/// A source algorithm in the registry: a `SourceAlgorithmKind` without its type, so that kinds with different settings
/// stand in one list.
package struct RegisteredSourceAlgorithm: SettingsKind {
    package let name: String
    package let summary: String
    package let defaults: any SettingsGroup
    fileprivate let needs: @Sendable (any SettingsGroup, EnvironmentDescription, Int) throws -> LifetimeNeeds
    fileprivate let makeActor:
        @Sendable (any SettingsGroup, EnvironmentDescription, [StreamKey]) throws -> any SourceActor
    fileprivate let makeLearner:
        @Sendable (any SettingsGroup, Scene, _ seed: UInt64, _ task: Int, _ repetition: Int) throws ->
            any SourceLearner

    package init<Kind: SourceAlgorithmKind>(_ kind: Kind.Type) {
        @Sendable func own(_ settings: any SettingsGroup) -> Kind.Settings {
            guard let settings = settings as? Kind.Settings else {
                preconditionFailure("settings of another source algorithm than \(Kind.name)")
            }
            return settings
        }
        name = Kind.name
        summary = Kind.summary
        defaults = Kind.Settings()
        needs = { try Kind.needs(own($0), environment: $1, actors: $2) }
        makeActor = { try Kind.makeActor(own($0), environment: $1, keys: $2) }
        makeLearner = { try Kind.makeLearner(own($0), scene: $1, seed: $2, task: $3, repetition: $4) }
    }
}

/// A source algorithm with its settings: what an experiment names and a stream remembers.
package typealias SourceAlgorithm = Chosen<RegisteredSourceAlgorithm>

extension Chosen where Kind == RegisteredSourceAlgorithm {
    /// The stream attribute `source_algorithm`; its settings are the attribute `source_json`.
    package var name: String { kind.name }

    /// See `SourceAlgorithmKind.needs`.
    package func needs(environment: EnvironmentDescription, actors: Int) throws -> LifetimeNeeds {
        try kind.needs(settings, environment, actors)
    }

    /// See `SourceAlgorithmKind.makeActor`.
    package func makeActor(environment: EnvironmentDescription, keys: [StreamKey]) throws -> any SourceActor {
        try kind.makeActor(settings, environment, keys)
    }

    /// See `SourceAlgorithmKind.makeLearner`.
    package func makeLearner(
        scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws -> any SourceLearner {
        try kind.makeLearner(settings, scene, seed, task, repetition)
    }
}
