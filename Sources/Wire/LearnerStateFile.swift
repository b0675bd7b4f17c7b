package import Experience

/// What a learner asks the coordinator for to go on from: the last state of a lifetime, as if it were a file of a
/// checkpoint.
///
/// So a learner fetches it in the same pieces as an evaluator fetches a model (`CheckpointRequest`).
package enum LearnerStateFile {
    /// The name of the one file that such a checkpoint has.
    package static let file = "learner.state"

    /// The name under which a learner asks for a lifetime's state.
    ///
    /// For task 3 and repetition 0: `task-3-lifetime-0`.
    ///
    /// A name that `Field.name` accepts, and that no checkpoint of the distiller has, since those begin with `step-`.
    package static func name(of lifetime: LifetimeIdentifier) -> String {
        "task-\(lifetime.task)-lifetime-\(lifetime.repetition)"
    }
}
