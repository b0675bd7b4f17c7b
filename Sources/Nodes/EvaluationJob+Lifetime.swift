package import Experience
package import Wire

extension EvaluationJob {
    /// The place of the job's streams.
    package var lifetime: LifetimeIdentifier { LifetimeIdentifier(evaluation: evaluation, task: task) }
}
