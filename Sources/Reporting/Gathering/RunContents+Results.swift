import Catalog
import Environments
import Experience

/// One policy's evaluation on the tasks of one split.
///
/// Made by `RunContents.evaluated`, of one kind: in context, control, or a baseline.
struct EvaluatedSplit {
    /// Ids of tasks that have a return at least.
    let tasks: [Int]
    /// (tasks, seeds, episodes).
    let curves: LearningCurves
}

extension RunContents {
    /// Evaluated checkpoints by training step; the last is the one that the report is about.
    ///
    /// A checkpoint that the catalogue does not know counts as step 0.
    var evaluatedCheckpoints: [String] {
        let steps = Dictionary(checkpoints.map { ($0.name, $0.step) }, uniquingKeysWith: { first, _ in first })
        return Set(evaluations.filter { !$0.returns.isEmpty }.compactMap(\.evaluation.checkpoint))
            .sorted { (steps[$0] ?? 0, $0) < (steps[$1] ?? 0, $1) }
    }

    /// Kinds that act without a checkpoint, in the order of their names.
    var baselines: [EvaluationKind] {
        Set(evaluations.filter { $0.evaluation.checkpoint == nil }.map(\.evaluation.kind))
            .sorted { $0.rawValue < $1.rawValue }
    }

    /// A baseline on the tasks of a split; nil where it was not played.
    func baseline(_ kind: EvaluationKind, _ split: Split) -> EvaluatedSplit? { evaluated(nil, split, kind) }

    /// Nil where nothing of the kind was played; jobs without returns are left out. `checkpoint`: nil for a baseline.
    ///
    /// Tasks stand in the catalogue's order, and (tasks, seeds, episodes) of the curves in the same.
    func evaluated(_ checkpoint: String?, _ split: Split, _ kind: EvaluationKind) -> EvaluatedSplit? {
        let members = evaluations.filter {
            $0.evaluation.checkpoint == checkpoint && $0.evaluation.split == split && $0.evaluation.kind == kind
                && $0.returns.contains { !$0.isEmpty }
        }
        guard !members.isEmpty else { return nil }
        return EvaluatedSplit(
            tasks: members.map(\.evaluation.task),
            curves: LearningCurves(members.map { $0.returns.map { $0.map(Double.init) } }))
    }

    /// The source's lifetimes on `tasks`, in their order; tasks without one are left out.
    ///
    /// (tasks, lifetimes, episodes): each lifetime as the mean over the actors that were read.
    ///
    /// Returns are by episode of one actor, so that they can be compared with an evaluation's by episode.
    func source(on tasks: [Int]) -> LearningCurves { LearningCurves(tasks.compactMap { sourceReturns[$0] }) }

    /// Nil for an id that the catalogue does not have.
    ///
    /// A search through all tasks: a report asks a few hundred times.
    func task(_ id: Int) -> TaskRecord? { tasks.first { $0.id == id } }

    /// Nil unless the optimum of every one of these tasks is known.
    ///
    /// Tasks weigh the same. An optimum of some tasks alone would not be comparable with a mean over all, hence nil.
    func meanOptimum(of tasks: [Int]) -> Double? { meanKnown(tasks.map { task($0)?.optimalReturn }) }
    /// Nil unless the random policy's return on every one of these tasks is known.
    ///
    /// The mean over tasks of what uniformly random actions reach.
    func meanRandom(of tasks: [Int]) -> Double? { meanKnown(tasks.map { task($0)?.randomReturn }) }

    /// Nil unless all are known.
    private func meanKnown(_ values: [Double?]) -> Double? {
        let known = values.compactMap { $0 }
        return known.isEmpty || known.count < values.count ? nil : known.reduce(0, +) / Double(known.count)
    }

    /// Final return as a share of the task's optimum, of each (task, seed).
    ///
    /// Tasks without a known optimum above 0 are left out. 1 is the optimum.
    ///
    /// The order is that of the tasks and, within each, of the seeds.
    func finalShares(_ evaluated: EvaluatedSplit) -> [(task: Int, share: Double)] {
        zip(evaluated.tasks, evaluated.curves.finals).flatMap { task, finals -> [(task: Int, share: Double)] in
            guard let optimum = self.task(task)?.optimalReturn, optimum > 0 else { return [] }
            return finals.map { (task, $0 / optimum) }
        }
    }

    /// How many (task, seed) pairs end above half of the optimum.
    ///
    /// Nil where no optimum is known.
    ///
    /// Half of the optimum is the bound that the report uses for "found the goal". `of` counts the pairs with a known
    /// optimum.
    func aboveHalf(_ evaluated: EvaluatedSplit) -> (count: Int, of: Int)? {
        let shares = finalShares(evaluated)
        return shares.isEmpty ? nil : (shares.count { $0.share > 0.5 }, shares.count)
    }

    /// When each phase began, from the coordinator's notes.
    ///
    /// By time; a phase that a resumed run began again counts from the first time.
    ///
    /// The coordinator writes a metric `phase/NAME` when a phase begins.
    var phases: [(name: String, began: Double)] {
        metrics.filter { $0.key.hasPrefix("phase/") }
            .compactMap { name, records in records.map(\.time).min().map { (String(name.dropFirst(6)), $0) } }
            .sorted { $0.1 < $1.1 }
    }

    /// Seconds from the run's beginning to its end, or to the last thing known of it.
    ///
    /// Never negative, even where clocks of two machines disagree. Nil where neither a beginning nor an end is known.
    var duration: Double? {
        guard let start = run?.started ?? phases.first?.began else { return nil }
        let end = run?.ended ?? phases.last?.began ?? lifetimes.compactMap(\.ended).max()
        return end.map { max(0, $0 - start) }
    }

    /// Recorded transitions of all histories; evaluations do not count.
    ///
    /// Rows of all streams, sealed or growing.
    var transitions: Int {
        streams.filter { $0.stream.lifetime.collection == .histories }.reduce(0) { $0 + $1.rows }
    }

    /// Nats an action that the source's own policies had on train tasks: about the floor of the distiller's loss.
    ///
    /// From the metric `learner/mean_policy_entropy`, whose step is the task's id; nil where no learner measured it.
    ///
    /// A model that knew the acting policy at every step would have this loss (cross entropy is at least entropy).
    var sourceEntropy: Double? {
        let train = Set(tasks.filter { $0.split == .train }.map(\.id))
        let values = (metrics["learner/mean_policy_entropy"] ?? []).filter { train.contains($0.step) }.map(\.value)
            .filter(\.isFinite)
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
}
