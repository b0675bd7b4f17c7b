package import Catalog
package import Environments
import Foundation
import Quantities

/// Returns in context of one evaluation, of its control and of the baselines beside it: what `distillery evaluate` prints.
///
/// Every task has the same weight. The control is the same model with its context cleared at every episode; what the
/// two differ by is what the context is worth.
package struct EvaluationSummary: Sendable, Encodable {
    /// One of the two, over all tasks and seeds.
    package struct Curve: Sendable, Encodable {
        /// (episodes that all pairs have): mean over tasks and seeds, by episode.
        let meanReturns: [Double]
        /// Mean over the last ten episodes of each pair; 0 where nothing was played.
        let finalReturn: Double
        /// The 95 % interval of `finalReturn` over tasks and seeds; nil where one pair was played.
        let finalReturnInterval: Interval?
        /// Nil where an optimum is not known, or is 0.
        let shareOfOptimum: Double?
        /// Share of (task, seed) pairs whose last ten episodes reach more than half of the optimum.
        let pairsAboveHalf: Double?
    }

    /// Name of the checkpoint that played.
    let checkpoint: String
    /// Which tasks were played: trained on, or held out.
    let split: Split
    /// Tasks that were played in context.
    let tasks: Int
    /// Of the first task.
    let seeds: Int
    /// The model with its context across episodes.
    let inContext: Curve
    /// Nil where no control was played.
    let control: Curve?
    /// By the policy's name; empty where none was played.
    let baselines: [String: Curve]
    /// Over the tasks whose optimum is known; nil where none is.
    let meanOptimum: Double?

    /// `returns` may hold all kinds, of one checkpoint and split. `tasks` must have each id once.
    ///
    /// Returns and tasks are the catalogue's records. A task without a record counts as one without a known optimum.
    package init(checkpoint: String, split: Split, returns: [EvaluationReturns], tasks: [TaskRecord]) {
        self.checkpoint = checkpoint
        self.split = split
        let optimum = Dictionary(uniqueKeysWithValues: tasks.map { ($0.id, $0.optimalReturn) })
        let played = returns.filter { $0.evaluation.kind == .inContext }
        self.tasks = played.count
        seeds = played.first?.returns.count ?? 0
        let optima = played.compactMap { optimum[$0.evaluation.task] ?? nil }
        meanOptimum = optima.isEmpty ? nil : optima.reduce(0, +) / Double(optima.count)
        inContext = Self.curve(played, optimum)
        let controls = returns.filter { $0.evaluation.kind == .control }
        control = controls.isEmpty ? nil : Self.curve(controls, optimum)
        let others = returns.filter { $0.evaluation.checkpoint == nil }
        baselines = Dictionary(grouping: others, by: \.evaluation.kind.rawValue).mapValues { Self.curve($0, optimum) }
    }

    /// `optimum`: by task, nil where it is not known.
    ///
    /// Means weigh every task the same. Shares are given only where every task's optimum is known.
    private static func curve(_ returns: [EvaluationReturns], _ optimum: [Int: Double?]) -> Curve {
        let curves = LearningCurves(returns.map { $0.returns.map { $0.map(Double.init) } })
        let final = curves.finalMean ?? 0
        let finals = zip(returns, curves.finals).flatMap { entry, finals in
            finals.map { (optimum: optimum[entry.evaluation.task] ?? nil, return: $0) }
        }
        let optima = finals.compactMap(\.optimum)
        let isKnown = !optima.isEmpty && optima.count == finals.count
        let best = optima.reduce(0, +) / Double(max(1, optima.count))
        let above = zip(finals, optima).count { $0.return > $1 / 2 }
        return Curve(
            meanReturns: curves.means, finalReturn: final, finalReturnInterval: curves.finalInterval,
            shareOfOptimum: isKnown && best > 0 ? final / best : nil,
            pairsAboveHalf: isKnown ? Double(above) / Double(finals.count) : nil)
    }

    /// Several lines for people.
    ///
    /// Returns of some episodes from 1 to 200 and of the last, then the final return with interval, share and pairs.
    ///
    /// A curve that is shorter than an episode number of the list is not asked for it.
    package var text: String {
        var lines = ["\(checkpoint): \(tasks) \(split.rawValue) tasks, \(seeds) seeds each"]
        for (name, curve) in [("in context", inContext)]
            + (control.map { [("context cleared at every episode", $0)] } ?? [])
            + baselines.sorted(by: { $0.key < $1.key }).map({ ("policy \($0.key)", $0.value) })
        {
            let episodes = Array(Set([1, 2, 5, 10, 20, 50, 100, 150, 200, curve.meanReturns.count])).sorted()
                .filter { $0 <= curve.meanReturns.count }
            lines.append("\(name): mean return by episode")
            lines.append(
                "  "
                    + episodes.map { "\($0): \(NumberText.fixed(curve.meanReturns[$0 - 1], decimals: 2))" }.joined(
                        separator: "  "))
            let interval =
                curve.finalReturnInterval.map {
                    " (95 % interval \(NumberText.fixed($0.low, decimals: 2)) to \(NumberText.fixed($0.high, decimals: 2)))"
                } ?? ""
            let share = curve.shareOfOptimum.map { ", \(NumberText.percent($0)) of the optimum" } ?? ""
            let pairs =
                curve.pairsAboveHalf.map { ", \(NumberText.percent($0, decimals: 0)) of pairs above half of it" } ?? ""
            lines.append(
                "  last ten episodes: \(NumberText.fixed(curve.finalReturn, decimals: 2))\(interval)\(share)\(pairs)")
        }
        return lines.joined(separator: "\n")
    }
}
