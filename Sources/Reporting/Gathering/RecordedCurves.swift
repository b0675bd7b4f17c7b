package import Catalog
package import Environments
import Experience
package import Foundation
import Histories

extension StreamContents {
    /// What a report draws of a stream: the return of each finished episode, or the reward of each of their steps.
    func curve(over axis: CurveAxis) -> [Double] {
        switch axis {
        case .episode: episodes.compactMap(\.episodeReturn)
        case .step: episodes.filter(\.isFinished).flatMap { rows.rewards[$0.rows].map(Double.init) }
        }
    }
}

extension EvaluationReturns {
    /// The same with the curves that the recorded streams of the job have, (seeds, points): returns by episode, or
    /// rewards by step. They are read of the streams, whatever the evaluator has told. Of a job that is not done nothing
    /// is read.
    ///
    /// Throws `StreamError` for a stream that is missing or damaged.
    package func recorded(in folder: URL, over axis: CurveAxis = .episode) throws -> EvaluationReturns {
        var found = self
        for seed in returns.indices {
            let contents = try StreamContents(path: folder.appendingPathComponent(path(seed)).path)
            found.returns[seed] = contents.curve(over: axis).map { Float($0) }
        }
        return found
    }

    /// The stream of a seed, below the run's folder.
    func path(_ seed: Int) -> String {
        let lifetime = LifetimeIdentifier(evaluation: evaluation.evaluation, task: evaluation.task)
        return StreamIdentifier(lifetime: lifetime, actor: seed).path
    }
}
