package import Settings

extension RegisteredPolicy {
    /// The policies that an evaluation can name, a line each.
    package static let registry = Registry<RegisteredPolicy>(
        "policy",
        [
            RegisteredPolicy(DistilledPolicy.self),
            RegisteredPolicy(RandomPolicy.self),
            RegisteredPolicy(OptimalPolicy.self),
            RegisteredPolicy(SourcePolicy.self),
            RegisteredPolicy(LearntPolicy.self),
        ])
}
