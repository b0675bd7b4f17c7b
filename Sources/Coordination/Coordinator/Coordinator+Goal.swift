package import Environments

extension Coordinator {
    /// What a run is to do: up to three phases, always in this order. `distillery launch` collects alone,
    /// `distillery evaluate` evaluates a checkpoint that is there already, `distillery run` does everything.
    package struct Goal: Sendable {
        /// Histories are collected.
        package var collects: Bool
        /// The transformer is trained on them.
        package var distils: Bool
        /// The last checkpoint, or the one given, is evaluated.
        package var evaluates: Bool
        /// A checkpoint that is there already, for a run that only evaluates.
        package var checkpoint: String?
        /// Which tasks are evaluated.
        package var splits: Set<Split>

        package init(
            collects: Bool, distils: Bool, evaluates: Bool, checkpoint: String? = nil,
            splits: Set<Split> = Set(Split.allCases)
        ) {
            self.collects = collects
            self.distils = distils
            self.evaluates = evaluates
            self.checkpoint = checkpoint
            self.splits = splits
        }
    }
}
