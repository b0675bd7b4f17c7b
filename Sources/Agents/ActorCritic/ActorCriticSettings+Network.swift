package import Environments
package import Experience
import Settings

extension ActorCriticSettings {
    /// The network for an environment. Throws `SourceAlgorithmError` for settings or spaces that it cannot take.
    func makePolicy(environment: EnvironmentDescription) throws -> PerceptronPolicy {
        try check()
        return try PerceptronPolicy(
            ActorCritic.name, environment: environment, hidden: hidden, activation: activation, extraOutputs: 1
        ) { .softmax(actions: $0) }
    }

    /// The network with memory for an environment. Throws as `makePolicy` does.
    func makeRecurrentPolicy(environment: EnvironmentDescription) throws -> RecurrentPolicy {
        try check()
        return try RecurrentPolicy(
            ActorCritic.name, environment: environment, settings: memory ?? .lstm(LSTMSettings()))
    }

    private func check() throws {
        do {
            try validate()
        } catch {
            throw SourceAlgorithmError("settings of a3c: \(error)")
        }
    }
}

extension NetworkActor {
    /// Actors of an actor-critic that load its network even where others load a table; `sharesEqualObservations` off
    /// computes every row anew. For comparison. Throws `SourceAlgorithmError` for settings or spaces that the algorithm
    /// cannot take.
    package convenience init(
        settings: ActorCriticSettings, environment: EnvironmentDescription, keys: [StreamKey],
        sharesEqualObservations: Bool = true
    ) throws {
        self.init(
            try settings.makePolicy(environment: environment), environment: environment, keys: keys,
            sharesEqualObservations: sharesEqualObservations)
    }
}
