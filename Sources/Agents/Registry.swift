package import Settings

extension RegisteredSourceAlgorithm {
    /// The source algorithms that an experiment can name, a line each.
    package static let registry = Registry<RegisteredSourceAlgorithm>(
        "source algorithm",
        [
            RegisteredSourceAlgorithm(ActorCritic.self),
            RegisteredSourceAlgorithm(QLambda.self),
            RegisteredSourceAlgorithm(UCB.self),
        ])
}
