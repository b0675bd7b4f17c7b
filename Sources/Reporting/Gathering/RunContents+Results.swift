import Catalog
import Environments
import Experience

extension RunContents {
    /// The source's lifetimes on `tasks`, in their order; tasks without one are left out.
    ///
    /// (tasks, lifetimes, points): each lifetime as the mean over the actors that were read.
    ///
    /// Returns are by episode of one actor, so that they can be compared with an evaluation's by episode.
    func source(on tasks: [Int]) -> LearningCurves {
        LearningCurves(tasks.compactMap { sourceReturns[$0] }, finalPoints: finalPoints)
    }

    /// Points at the end of a curve that count as its end: the last episodes; the last one where so few have one task that
    /// the others are still learnt in; or all steps of a life, since what a bandit's policy has earned over all its trials
    /// is what it is judged by.
    var finalPoints: Int {
        if axis == .step { return .max }
        return distribution?.environment.episodesPerTrial ?? 1 > 1 ? 1 : LearningCurves.finalEpisodes
    }

    /// What a point of a task's curve is for the best policy: the return of an episode, or of a step where a life is one
    /// episode. Nil where it is not known.
    func optimum(of task: Int) -> Double? { perPoint(self.task(task)?.optimalReturn) }

    /// The same of uniformly random actions.
    func random(of task: Int) -> Double? { perPoint(self.task(task)?.randomReturn) }

    /// An episode's return is shared evenly by its steps, as it is where every step is the same choice again.
    private func perPoint(_ value: Double?) -> Double? {
        guard axis == .step else { return value }
        guard let horizon = distribution?.environment.horizon else { return nil }
        return value.map { $0 / Double(horizon) }
    }

    /// Nil unless the optimum of every one of these tasks is known.
    ///
    /// Tasks weigh the same. An optimum of some tasks alone would not be comparable with a mean over all, hence nil.
    func meanOptimum(of tasks: [Int]) -> Double? { meanKnown(tasks.map(optimum)) }
    /// Nil unless the random policy's return on every one of these tasks is known.
    func meanRandom(of tasks: [Int]) -> Double? { meanKnown(tasks.map(random)) }

    /// Nil unless all are known.
    private func meanKnown(_ values: [Double?]) -> Double? {
        let known = values.compactMap { $0 }
        return known.isEmpty || known.count < values.count ? nil : known.reduce(0, +) / Double(known.count)
    }

    /// Final value as a share of the task's optimum, of each (task, seed).
    ///
    /// Tasks without a known optimum above 0 are left out. 1 is the optimum.
    ///
    /// The order is that of the tasks and, within each, of the seeds.
    func finalShares(_ curves: LearningCurves, on tasks: [Int]) -> [(task: Int, share: Double)] {
        zip(tasks, curves.finals).flatMap { task, finals -> [(task: Int, share: Double)] in
            guard let optimum = optimum(of: task), optimum > 0 else { return [] }
            return finals.map { (task, $0 / optimum) }
        }
    }

    /// How many (task, seed) pairs end above half of the optimum.
    ///
    /// Nil where no optimum is known.
    ///
    /// Half of the optimum is the bound that the report uses for "found the goal". `of` counts the pairs with a known
    /// optimum.
    func aboveHalf(_ curves: LearningCurves, on tasks: [Int]) -> (count: Int, of: Int)? {
        let shares = finalShares(curves, on: tasks)
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

    /// What the jobs of an evaluation began with.
    func prompts(of evaluation: ReportedEvaluation) -> [RecordedPrompt] {
        prompts.filter { $0.evaluation == evaluation.name && evaluation.tasks.contains($0.task) }
    }

    /// Nats an action that the source's own policies had on train tasks: about the floor of the distiller's loss.
    ///
    /// From the metric `MetricRecord.sourceEntropy`; nil where no learner measured it.
    ///
    /// A model that knew the acting policy at every step would have this loss (cross entropy is at least entropy).
    var sourceEntropy: Double? {
        let train = Set(tasks.filter { $0.split == .train }.map(\.id))
        let values = (metrics[MetricRecord.sourceEntropy] ?? []).filter { train.contains($0.step) }.map(\.value)
            .filter(\.isFinite)
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
}
