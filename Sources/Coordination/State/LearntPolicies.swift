import Distillation
package import Experience
package import Experiments

/// The policies that a run's lifetimes leave to be evaluated: of each where its checkpoint lies, and whether it counts.
/// Owned by the coordinator.
package struct LearntPolicies {
    package struct Item {
        package let planned: PlannedPolicy
        let store: CheckpointStore
        /// The checkpoint that evaluators get; nil before the lifetime's end is written down.
        package var checkpoint: String?
        /// The evaluations of it are among the jobs.
        var isQueued = false

        /// The only checkpoint in its folder, by its name there; nil before it is whole.
        var stored: String? { store.latest }
    }

    package var all: [Item]

    /// `root`: the folder of what learners leave behind, in which each policy has a folder of its own.
    package init(_ planned: [PlannedPolicy], root: CheckpointStore) {
        all = planned.map { Item(planned: $0, store: root.store(of: $0.name)) }
    }

    /// The place of what a lifetime leaves; nil where that is nothing.
    package func place(of lifetime: LifetimeIdentifier) -> Int? { all.firstIndex { $0.planned.lifetime == lifetime } }

    /// The place of the policy that a checkpoint's name belongs to, and the checkpoint's own name there; nil for a name
    /// of none.
    package func place(ofCheckpoint name: String) -> (index: Int, step: String)? {
        let parts = Checkpoint.parts(of: name)
        return all.firstIndex { $0.planned.name == parts.distillation }.map { ($0, parts.name) }
    }
}
