package import Environments
package import Experience
import Neural
package import Settings

/// Advantage actor-critic with lambda-returns (paper, Table 4: A3C) as a kind of source algorithm.
///
/// It takes observations of a few integers, which the network sees one-hot, and discrete actions. All actors of a
/// lifetime share one network; "asynchronous" is a matter of the cluster, not of this type. With an LSTM or a
/// transformer in the place of the hidden layers, on trials of several episodes, it is RL2 (paper, Table 6, appendix G).
package enum ActorCritic: SourceAlgorithmKind {
    package static let name = "a3c"
    package static let summary = "Advantage actor-critic: all actors of a lifetime share one network (paper, Table 4)."

    package static func needs(
        _ settings: ActorCriticSettings, environment: EnvironmentDescription, actors: Int
    ) throws -> LifetimeNeeds {
        guard settings.memory == nil else {
            let policy = try settings.makeRecurrentPolicy(environment: environment)
            let rows = policy.rowsOfUpdate(perRowOf: settings.rolloutLength)
            return LifetimeNeeds(
                rolloutLength: settings.rolloutLength,
                largestSavedBytes: RecurrentLearner.savedBytes(policy, actors: actors),
                operationsPerTransition: Double(2 * policy.multiplications) * (1 + 3 * rows))
        }
        let policy = try settings.makePolicy(environment: environment)
        return LifetimeNeeds(
            rolloutLength: settings.rolloutLength,
            largestSavedBytes: ActorCriticLearner.savedBytes(
                policy.shape, cutRows: actors, observationBytes: environment.stored.space.byteCount),
            operationsPerTransition: Double(2 * policy.multiplications * (1 + 3)))
    }

    package static func makeActor(
        _ settings: ActorCriticSettings, environment: EnvironmentDescription, keys: [StreamKey]
    ) throws -> any SourceActor {
        guard settings.memory == nil else {
            return RecurrentActor(try settings.makeRecurrentPolicy(environment: environment), keys: keys)
        }
        return try settings.makePolicy(environment: environment).makeActor(environment: environment, keys: keys)
    }

    package static func makeLearner(
        _ settings: ActorCriticSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws -> any SourceLearner {
        guard settings.memory == nil else {
            return try RecurrentLearner(
                settings: settings, scene: scene, seed: seed, task: task, repetition: repetition)
        }
        return try ActorCriticLearner(
            settings: settings, scene: scene, seed: seed, task: task, repetition: repetition)
    }
}

extension SourceAlgorithm {
    /// A3C with these settings.
    package static func actorCritic(_ settings: ActorCriticSettings) -> SourceAlgorithm {
        SourceAlgorithm(RegisteredSourceAlgorithm(ActorCritic.self), settings: settings)
    }
}
