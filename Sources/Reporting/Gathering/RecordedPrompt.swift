import Catalog
import Distillation
import Foundation
import Histories
import Settings

/// What the streams of an evaluation's job say that they began with: a stretch of a learning history.
package struct RecordedPrompt: Hashable, Sendable {
    /// Folder of the evaluation's streams.
    package let evaluation: String
    /// The task's id.
    package let task: Int
    /// The learning history, below the run's folder.
    package let stream: String
    /// Rows of it.
    package let rows: Range<Int>
    /// Mean return of these rows' episodes.
    package let meanReturn: Double
    /// The share of the optimum that was asked for; nil where the rows were named.
    package let quality: Double?

    package init(
        evaluation: String, task: Int, stream: String, rows: Range<Int>, meanReturn: Double, quality: Double?
    ) {
        self.evaluation = evaluation
        self.task = task
        self.stream = stream
        self.rows = rows
        self.meanReturn = meanReturn
        self.quality = quality
    }
}

extension EvaluationReturns {
    /// The prompt of this job, by the attributes of its first stream; nil where it had none, or the stream does not tell.
    func recordedPrompt(in folder: URL) -> RecordedPrompt? {
        let path = folder.appendingPathComponent(path(0)).path
        guard let source = (try? StreamReader(path: path))?.metadata.evaluation,
            let settings = (try? PolicyChoice(source.policy))?.settings as? DistilledPolicy.Settings,
            let stream = settings.prompt, let meanReturn = settings.promptReturn
        else { return nil }
        return RecordedPrompt(
            evaluation: evaluation.evaluation, task: evaluation.task, stream: stream,
            rows: settings.promptFrom..<(settings.promptFrom + settings.promptTransitions), meanReturn: meanReturn,
            quality: settings.promptQuality)
    }
}
