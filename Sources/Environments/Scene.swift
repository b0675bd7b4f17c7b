package import Experience

/// What a learner has to know of the task that its rollouts come from: the environment, and what is seen of what its
/// streams store.
///
/// Rollouts travel and are recorded as they are stored; a learner looks at them through `view` before its network does.
package struct Scene: Sendable {
    package let environment: EnvironmentDescription
    /// Nil where what is stored is what is seen.
    package let view: (any ObservationView)?

    package init(environment: EnvironmentDescription, view: (any ObservationView)? = nil) {
        self.environment = environment
        self.view = view
    }
}

extension TaskDistribution {
    /// What a learner of this task is given. Throws as `view(of:)` does.
    package func scene(of task: Task) throws -> Scene {
        Scene(environment: environment, view: try view(of: task))
    }
}
