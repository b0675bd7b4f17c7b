package import Experience

/// What a learner asks the coordinator for to go on from: the last state of a lifetime, as if it were a file of a
/// checkpoint.
package enum LearnerStateFile {
    package static let file = "learner.state"

    /// The name under which a learner asks for a lifetime's state.
    package static func name(of lifetime: LifetimeIdentifier) -> String {
        "task-\(lifetime.task)-lifetime-\(lifetime.repetition)"
    }
}
