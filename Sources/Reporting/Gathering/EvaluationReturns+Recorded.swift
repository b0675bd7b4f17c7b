package import Catalog
import Experience
package import Foundation
import Histories

extension EvaluationReturns {
    /// The same with the returns that the recorded streams of the job have: curves are drawn of these, whatever the
    /// evaluator has told. Of a job that is not done nothing is read.
    ///
    /// Throws `StreamError` for a stream that is missing or damaged.
    package func recorded(in folder: URL) throws -> EvaluationReturns {
        var found = self
        for seed in returns.indices {
            let lifetime = LifetimeIdentifier(
                collection: .evaluation(evaluation.evaluation), task: evaluation.task, repetition: 0)
            let path = StreamIdentifier(lifetime: lifetime, actor: seed).path
            let contents = try StreamContents(path: folder.appendingPathComponent(path).path)
            found.returns[seed] = contents.episodes.compactMap(\.episodeReturn).map { Float($0) }
        }
        return found
    }
}
