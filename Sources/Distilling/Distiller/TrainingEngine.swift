package import Experiments
package import Foundation
package import Nodes
package import Wire

/// What trains the distillations that are leased to a `DistillerRole`: one at a time, in this process (`SwiftEngine`) or in
/// another. The role speaks with the coordinator for it.
///
/// Belongs to the role's thread. No call waits for another process or node; what throws ends the node.
package protocol TrainingEngine: AnyObject {
    /// Where it says how far its long work is.
    var progress: WorkProgress { get }
    /// A training is leased to this node, for the first time or again. What it has in memory of the same one it goes on
    /// with, unless the order's checkpoint has come further; anything else is dropped.
    func take(_ order: TrainingOrder, now: UInt64) throws
    /// Steps of the training in memory, those before the checkpoint that it goes on from among them; nil while it is not
    /// there yet.
    var steps: Int? { get }
    /// The training has nothing left to do.
    var isFinished: Bool { get }
    /// For `status`, the catalogue and plots, by the names that the coordinator knows (`loss`, `transitions`, ...).
    var numbers: [String: Double] { get }
    /// What it waits for; nil where it waits for nothing.
    func waiting(now: UInt64) -> Waiting?
    /// A failure that the coordinator is to hear of, once; nil where there is none.
    func takeComplaint() -> String?
    /// A bounded piece of work; true when there is more to do at once. Called while the training is this node's, and until
    /// `isDrained`. `now`: nanoseconds of a monotonic clock.
    func work(now: UInt64) throws -> Bool
    /// A checkpoint is to be sent.
    var isCheckpointDue: Bool { get }
    /// The newest checkpoint, whether one is due or not. Precondition: there are `steps`.
    func checkpoint() throws -> EngineCheckpoint
    /// The node is to leave: nothing more is trained, and in the middle of a training a last checkpoint becomes due.
    func drain(now: UInt64)
    /// After `drain`: what was to become due has become so.
    var isDrained: Bool { get }
}

extension TrainingEngine {
    package func waiting(now: UInt64) -> Waiting? { nil }
    package func takeComplaint() -> String? { nil }
}

/// A training that is leased to this node.
package struct TrainingOrder {
    package let planned: PlannedDistillation
    package let context: ExperimentContext
    /// The run's folder, where its streams and the coordinator's checkpoints are.
    package let run: URL
    /// Name and step of the coordinator's newest checkpoint of it; nil where there is none.
    package let newest: (name: String, step: Int)?
    /// Streams may still be added, and grow; another order says when they do not any more.
    package let isGrowing: Bool

    /// The folder of `newest`.
    package var checkpoint: URL? {
        newest.map { run.appendingPathComponent("checkpoints/distiller/\($0.name)") }
    }

    package var histories: URL { run.appendingPathComponent("histories") }
}

/// A checkpoint of an engine, in memory.
package struct EngineCheckpoint {
    /// `step-00020000`
    package let name: String
    package let step: Int
    /// In the order in which they are to travel: the configuration, the model, the optimiser's state.
    package let files: [(name: String, content: Data)]

    package init(name: String, step: Int, files: [(name: String, content: Data)]) {
        self.name = name
        self.step = step
        self.files = files
    }
}
