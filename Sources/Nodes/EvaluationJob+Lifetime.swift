package import Experience
package import Wire

extension EvaluationJob {
    /// The place of the job's streams: an evaluation has one lifetime for each task, repetition 0, and its seeds
    /// are the actors.
    package var lifetime: LifetimeIdentifier {
        LifetimeIdentifier(collection: .evaluation(evaluation), task: task, repetition: 0)
    }
}
