import Distillation
package import Experiments

/// The distillations of a run, in the order in which they are begun: of each who trains it, its checkpoints and how it
/// ended. Owned by the coordinator, which leases them and writes down their ends.
package struct Distillations {
    /// One training of one variant.
    package struct Item {
        package let planned: PlannedDistillation
        package var lease: TrainingLease
        /// Nil until it is looked for, and after another checkpoint is stored.
        var found: FoundCheckpoint?
        let store: CheckpointStore
        /// The evaluations of its last checkpoint are among the jobs.
        var isQueued = false

        package var name: String { planned.name }
        package var isEnded: Bool { lease.finalCheckpoint != nil }
    }

    package var all: [Item]
    /// Of the train lifetimes that have ended: the sum of their policies' mean entropies in nats, and how many said one.
    private var entropySum = 0.0
    private var entropyCount = 0

    /// `root`: the folder of checkpoints, in which each named distillation has one of its own.
    package init(_ planned: [PlannedDistillation], root: CheckpointStore) {
        all = planned.map { Item(planned: $0, lease: TrainingLease(), store: root.store(of: $0.name)) }
    }

    package var areEnded: Bool { all.allSatisfy(\.isEnded) }

    /// The place of the distillation that a checkpoint's name belongs to, and the checkpoint's own name there; nil for a
    /// name of none.
    package func place(ofCheckpoint name: String) -> (index: Int, step: String)? {
        let parts = Checkpoint.parts(of: name)
        return all.firstIndex { $0.name == parts.distillation }.map { ($0, parts.name) }
    }

    /// The place of the distillation that is leased to a node, or of the last that it has ended; nil where there is none.
    package func place(heldBy node: String) -> Int? {
        all.firstIndex { $0.lease.distiller == node && !$0.isEnded } ?? all.lastIndex { $0.lease.distiller == node }
    }

    /// Distillers that have something to train.
    package var holders: Set<String> { Set(all.filter { !$0.isEnded }.compactMap(\.lease.distiller)) }

    /// What people are told of where one is asked for: the first that is under way, else the last that has told of itself.
    package var shown: Item? {
        all.first { !$0.isEnded && $0.lease.distiller != nil } ?? all.last { !$0.lease.numbers.isEmpty }
    }

    /// The node has left the run: what was leased to it can be leased to others. `isLost`: without a word.
    package mutating func leave(_ node: String, isLost: Bool = false) {
        for index in all.indices { all[index].lease.leave(node, isLost: isLost) }
    }

    /// A train lifetime has ended with this mean entropy of its policies; nil where its source has none.
    package mutating func note(sourceEntropy entropy: Double?) {
        guard let entropy, entropy.isFinite else { return }
        entropySum += entropy
        entropyCount += 1
    }

    /// Mean over lifetimes of the entropy in nats of the source's policies: about what a model that knew each policy
    /// would lose. Nil where no lifetime has said it.
    package var sourceEntropy: Double? { entropyCount > 0 ? entropySum / Double(entropyCount) : nil }
}
