import Environments
import Experience
import Neural
import Settings

extension ActorCriticSettings {
    /// The network for an environment. Throws `SourceAlgorithmError` for settings or spaces that it cannot take.
    func makeShape(environment: EnvironmentDescription) throws -> ActorCriticShape {
        do {
            try validate()
        } catch {
            throw SourceAlgorithmError("settings of a3c: \(error)")
        }
        let observation = try IntegerComponents(seenBy: environment)
        guard case .discrete(let actions) = environment.actionSpace else {
            throw SourceAlgorithmError(
                "the actor-critic chooses one of several actions: expected a discrete action space, "
                    + "\(environment.name) has an array of shape \(environment.actionSpace.shape)")
        }
        return ActorCriticShape(components: observation.counts, hidden: hidden, actions: actions)
    }

    /// A network without parameters: callers hand them to each pass.
    func makeNetwork(shape: ActorCriticShape) -> ActorCriticNetwork {
        ActorCriticNetwork(shape: shape, activation: activation == .relu ? .relu : .tanh)
    }

    /// Actors that load what a learner with these settings lends: a `TabularActor` where it lends a table, otherwise an
    /// `ActorCriticActor`. Both sides decide by `PolicyTable.rows(of:shape:)`.
    func makeActor(environment: EnvironmentDescription, keys: [StreamKey]) throws -> any SourceActor {
        let shape = try makeShape(environment: environment)
        let observation = try IntegerComponents(seenBy: environment)
        guard let rows = PolicyTable.rows(of: observation, shape: shape) else {
            return try ActorCriticActor(settings: self, environment: environment, keys: keys)
        }
        return TabularActor(
            keys: keys, environment: environment, observation: observation, rows: rows, actions: shape.actions)
    }
}

extension IntegerComponents {
    /// What the actor-critic sees of an environment. Throws `SourceAlgorithmError` for observations that it cannot.
    init(seenBy environment: EnvironmentDescription) throws {
        guard let components = IntegerComponents(environment.observationSpace) else {
            let space = environment.observationSpace
            throw SourceAlgorithmError(
                "the actor-critic sees one-hot integers: expected a few integers from 0 as observation, "
                    + "\(environment.name) has an array of \(space.elementType.rawValue) of shape \(space.shape)")
        }
        self = components
    }
}
