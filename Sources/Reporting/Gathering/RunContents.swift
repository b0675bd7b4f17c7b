package import Catalog
package import Environments
package import Experiments
import Foundation

/// All that a report is made from: the catalogue, the experiment, the provenance, the curves of the streams.
///
/// Read once, in one thread; nothing of the run is open afterwards. A run that goes on may be read too: the report then
/// shows what there is.
package struct RunContents: Sendable {
    /// Of the experiment, else of the run, else of the folder.
    package var name: String
    /// RUN/experiment.yaml; nil where it cannot be read, which a remark then says.
    package var experiment: Experiment?
    /// The experiment's tasks; nil where it cannot be read.
    package var distribution: (any TaskDistribution)?
    /// Nil in a catalogue that was remade from files without an experiment.
    package var run: RunRecord?
    /// By id, with the optimum and the random return where they are known.
    package var tasks: [TaskRecord] = []
    /// By task and repetition, with what their learners counted.
    package var lifetimes: [LifetimeRecord] = []
    /// Records alone; the files that are read are those of `sourceReturns`.
    package var streams: [StreamRecord] = []
    /// In the order in which they joined.
    package var nodes: [NodeRecord] = []
    /// By training step, whether evaluated or not.
    package var checkpoints: [CheckpointRecord] = []
    /// Of all policies, with curves (seeds, points), which are those of the recorded streams: returns by episode, or
    /// rewards by step where a life is one episode.
    package var evaluations: [EvaluationReturns] = []
    /// What evaluations began with, by evaluation and task; of those jobs that are read.
    package var prompts: [RecordedPrompt] = []
    /// Jobs of evaluations that the catalogue has; where they are very many, `evaluations` has a part of them.
    package var jobCount = 0
    /// By name, such as `distiller/loss`, in the order in which they were written.
    package var metrics: [String: [MetricRecord]] = [:]
    /// Names and values of RUN/provenance.json, nested names joined by a dot.
    package var provenance: [(name: String, value: String)] = []
    /// Curves of one actor, (lifetimes, points) of each task: the mean over the actors that were read.
    package var sourceReturns: [Int: [[Double]]] = [:]
    /// Of the last checkpoint along the streams that the experiment says; nil where it asks for none, or has none yet.
    package var attention: ReportedAttention?
    /// Episodes on held-out tasks whose paths are drawn; empty where tasks are no places on the plane.
    package var paths: [RecordedPath] = []
    /// Runs whose policies are drawn beside this run's own.
    package var beside: [RunBeside] = []
    /// What could not be read, in sentences that the report shows.
    package var remarks: [String] = []

    /// Streams of one lifetime that are read for its curve.
    ///
    /// Those with the lowest actor numbers.
    ///
    /// Reading all of hundreds of actors would take long, and a mean over ten is close enough for a figure.
    package static let actorsPerLifetime = 10
    /// Streams of histories that are read at most: of more, those of lifetimes at even distances are.
    ///
    /// A file of a hundred rows takes about 2 ms, one of 50,000 about 20 ms. The time that a report takes grows with the
    /// streams up to this number, and no further.
    package static let mostHistories = 2000
    /// Streams of evaluations that are read at most: of more, those of tasks at even distances are, the same ones of
    /// every evaluation of the same tasks.
    package static let mostEvaluationStreams = 8000

    /// Empty but for the name: for tests, and for the reading initialiser.
    package init(name: String) { self.name = name }

    /// Nil for an id that the catalogue does not have.
    ///
    /// A search by halves: a report asks for every task of every figure.
    func task(_ id: Int) -> TaskRecord? {
        var (low, high) = (0, tasks.count)
        while low < high {
            let middle = (low + high) / 2
            if tasks[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < tasks.count && tasks[low].id == id ? tasks[low] : nil
    }

    /// What the curves of this run count.
    var axis: CurveAxis { distribution?.curveAxis ?? .episode }
}
