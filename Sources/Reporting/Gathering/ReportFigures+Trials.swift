import Agents
import Catalog
import Environments
import Experiments
import Quantities
import Settings

/// Of runs whose lives are one episode each: regret, and the score against the source algorithm.
extension ReportFigures {
    /// Cumulative regret by trial against the best policy of each task, a figure for each evaluation. Empty where curves
    /// are by episode, and where an optimum is not known.
    func regrets() -> [LineChart] {
        guard contents.axis == .step else { return [] }
        return evaluations.labels.compactMap { label in
            let models = evaluations.variants.enumerated().compactMap { index, variant in
                evaluations.pooled(variant, label).map { evaluation in
                    (
                        evaluations.areSeveral ? variant : words(of: evaluation.kind),
                        evaluations.areSeveral ? LineLook(index) : LineLook(role(of: evaluation.kind)), evaluation
                    )
                }
            }
            guard let first = models.first?.2, contents.meanOptimum(of: first.tasks) != nil else { return nil }
            var series = models.map { name, look, evaluation in
                LineChart.Series(
                    name, look.role, regret(evaluation.curves, on: evaluation.tasks), dash: look.dash)
            }
            let baselines = evaluations.baselines(label, group: first.group)
            for played in baselines {
                series.append(
                    .init(words(of: played.kind), role(of: played.kind), regret(played.curves, on: played.tasks)))
            }
            if !baselines.contains(where: { $0.kind == .random }) {
                series += expectedRegret(of: first.tasks, trials: first.curves.longest)
            }
            return LineChart(
                name: "regret-\(label)",
                title: "\(label): cumulative regret on \(first.tasks.count) "
                    + "\(words.group(first.group)) \(words.tasks)",
                caption:
                    "What the best policy of each task is expected to earn until a trial, less what was earned; mean "
                    + "and 95 % intervals as above. A policy that has found out what is best goes on level.",
                xTitle: words.point, yTitle: "regret until here", series: series)
        }
    }

    private func regret(_ curves: LearningCurves, on tasks: [Int]) -> [LineChart.Point] {
        let best = tasks.map { contents.optimum(of: $0) ?? 0 }
        return curves.mapped { curve, task in
            var total = 0.0
            return curve.map { reward in
                total += best[task] - reward
                return total
            }
        }.meanCurve(window: 1)
    }

    /// A straight line, where random actions were not played; none where what they earn is not known.
    private func expectedRegret(of tasks: [Int], trials: Int) -> [LineChart.Series] {
        guard let best = contents.meanOptimum(of: tasks), let random = contents.meanRandom(of: tasks) else { return [] }
        return [
            .init("random policy", .random, [1, trials].map { .init(x: Double($0), y: Double($0) * (best - random)) })
        ]
    }

    /// The scores of all models in bars, by evaluation. Nil where there is none.
    func scoreBars() -> IntervalBars? {
        let scores = scores()
        guard !scores.isEmpty else { return nil }
        let labels = evaluations.labels.filter { label in scores.contains { $0.label == label } }
        let groups = labels.map { label in
            IntervalBars.Group(
                label,
                evaluations.variants.map { variant in
                    scores.first { $0.label == label && $0.variant == variant && $0.seed == nil }.map {
                        IntervalBars.Bar($0.score.value, $0.score.interval)
                    }
                })
        }
        return IntervalBars(
            name: "scores", title: "Score: (r - random) / (\(words.source) - random)",
            caption:
                "Mean reward of a whole life, between random actions (0) and the source learning the same tasks from "
                + "scratch (1)\(sourceSettings). 95 % intervals: percentile bootstrap over tasks and trainings, with all "
                + "three rewards of a drawn task.",
            yTitle: "score", names: evaluations.areSeveral ? evaluations.variants : ["in context"], groups: groups,
            references: [.init(words.source, .source, 1)])
    }

    /// `: ucb with exploration 0.3`
    private var sourceSettings: String {
        guard let source = contents.experiment?.source else { return "" }
        let settings = ReportWords.settings(json: source.settings.json(.all))
        return ": \(source.kind.name)" + (settings.isEmpty ? "" : " with \(settings)")
    }

    /// A model's score in one evaluation: all trainings of a variant together where `seed` is nil.
    struct ReportedScore {
        let label: String
        let variant: String
        let seed: Int?
        let score: Score
        let optimum: Double?
        let tasks: Int
    }

    /// Of every evaluation in context beside which the source was played. Trainings have scores of their own where there
    /// are several.
    func scores() -> [ReportedScore] {
        guard contents.axis == .step else { return [] }
        return evaluations.labels.flatMap { label in
            evaluations.variants.flatMap { variant -> [ReportedScore] in
                let members = evaluations.members(variant, label)
                let pooled = score(members, label, variant, seed: nil).map { [$0] } ?? []
                return pooled
                    + (members.count > 1
                        ? members.compactMap { score([$0], label, variant, seed: $0.training?.seed) } : [])
            } + scoresBeside(label)
        }
    }

    /// Of policies of other runs, on those of an evaluation's tasks that they have played.
    private func scoresBeside(_ label: String) -> [ReportedScore] {
        let group = evaluations.all.first { $0.label == label && $0.checkpoint != nil }?.group ?? ""
        let baselines = evaluations.baselines(label, group: group)
        guard let source = baselines.first(where: { $0.kind == .source }) else { return [] }
        let sources = lifeMeans(source)
        let randoms = baselines.first { $0.kind == .random }.map(lifeMeans) ?? [:]
        return contents.beside.flatMap(\.lines).compactMap { line in
            let played = source.tasks.compactMap { task -> (task: Int, end: Double, source: Double, random: Double)? in
                guard let end = contents.task(task).flatMap({ line.ends[$0.json] }), let source = sources[task],
                    let random = randoms[task] ?? contents.random(of: task)
                else { return nil }
                return (task, end, source, random)
            }
            return Score(
                models: [played.map(\.end)], sources: played.map(\.source), randoms: played.map(\.random)
            ).map {
                ReportedScore(
                    label: label, variant: line.name, seed: nil, score: $0,
                    optimum: contents.meanOptimum(of: played.map(\.task)), tasks: played.count)
            }
        }
    }

    private func score(
        _ members: [ReportedEvaluation], _ label: String, _ variant: String, seed: Int?
    ) -> ReportedScore? {
        guard let group = members.first?.group, members.first?.kind == .inContext else { return nil }
        let baselines = evaluations.baselines(label, group: group)
        guard let source = baselines.first(where: { $0.kind == .source }).map(lifeMeans) else { return nil }
        let random = baselines.first { $0.kind == .random }.map(lifeMeans)
        let models = members.map(lifeMeans)
        let tasks = (members.first?.tasks ?? []).filter { task in
            source[task] != nil && models.allSatisfy { $0[task] != nil }
                && (random?[task] ?? contents.random(of: task)) != nil
        }
        return Score(
            models: models.map { model in tasks.compactMap { model[$0] } }, sources: tasks.compactMap { source[$0] },
            randoms: tasks.compactMap { random?[$0] ?? contents.random(of: $0) }
        ).map {
            ReportedScore(
                label: label, variant: variant, seed: seed, score: $0, optimum: contents.meanOptimum(of: tasks),
                tasks: tasks.count)
        }
    }

    /// By task: the mean reward of a life, over its seeds.
    private func lifeMeans(_ evaluation: ReportedEvaluation) -> [Int: Double] {
        Dictionary(
            uniqueKeysWithValues: zip(evaluation.tasks, evaluation.curves.finals).map { ($0, average($1[...])) })
    }
}

extension EvaluationKind {
    /// Uniformly random actions.
    fileprivate static let random = EvaluationKind(rawValue: "random")
}
