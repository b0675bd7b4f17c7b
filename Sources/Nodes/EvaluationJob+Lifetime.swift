package import Experience
package import Wire

extension EvaluationJob {
    /// Where its streams are.
    package var lifetime: LifetimeIdentifier {
        LifetimeIdentifier(collection: .evaluation(evaluation), task: task, repetition: 0)
    }
}
