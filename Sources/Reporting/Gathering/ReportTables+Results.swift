import Catalog
import Environments
import Quantities

extension ReportTables {
    /// What the evaluations came to: of one model and what stands beside it, or of every training of every variant.
    var results: Report.Table? {
        guard !evaluations.labels.isEmpty else { return nil }
        return evaluations.areSeveral || hasSeveralTrainings ? resultsOfTrainings : resultsOfModel
    }

    private var hasSeveralTrainings: Bool { evaluations.checkpoints.count > 1 }

    private var title: String {
        contents.axis == .step
            ? "Mean reward of a trial" : "Return of \(words.finalPoints)"
    }

    /// Model, control, baselines, source, random policy and optimum, by evaluation.
    ///
    /// Held-out rows stand before training rows.
    private var resultsOfModel: Report.Table? {
        guard let variant = evaluations.variants.first else { return nil }
        var rows: [[String]] = []
        var groups: [String] = []
        for label in evaluations.labels {
            guard let group = evaluations.members(variant, label).first?.group, !groups.contains(group) else {
                continue
            }
            groups.append(group)
        }
        for group in groups {
            let place = group == Split.test.rawValue ? "held out" : words.group(group)
            var tasks: [Int] = []
            var label = ""
            for candidate in evaluations.labels {
                guard let evaluated = evaluations.pooled(variant, candidate), evaluated.group == group else { continue }
                if tasks.isEmpty { (tasks, label) = (evaluated.tasks, candidate) }
                rows.append(
                    line(
                        name(of: evaluated, candidate, place), evaluated.curves, evaluated.tasks, isModel: true)
                )
            }
            for played in evaluations.baselines(label, group: group) {
                rows.append(line("\(figures.words(of: played.kind)), \(place)", played.curves, played.tasks))
            }
            let source = contents.source(on: tasks)
            if contents.axis == .episode || !source.isEmpty { rows.append(line("source, \(place)", source, tasks)) }
            rows += known(tasks).map { line("\($0.name), \(place)", $0.value, tasks) }
        }
        return Report.Table(
            title, columns: ["", "mean \(contents.axis == .step ? "reward" : "return")"] + columns, rows: rows)
    }

    private var columns: [String] { ["95 % interval", "of the optimum", "pairs above half"] }

    /// An evaluation that the experiment lists has its name there.
    private func name(of evaluation: PooledEvaluation, _ label: String, _ place: String) -> String {
        let usual = ["test", "test-cleared", "train"]
        return usual.contains(label) ? "\(figures.words(of: evaluation.kind)), \(place)" : label
    }

    /// A row for each training of each variant and evaluation, one for the trainings of a variant together, then rows of
    /// the policies that need no checkpoint.
    private var resultsOfTrainings: Report.Table {
        var rows: [[String]] = []
        for label in evaluations.labels {
            var tasks: [Int] = []
            var group = ""
            for variant in evaluations.variants {
                let members = evaluations.members(variant, label)
                guard let pooled = PooledEvaluation(members) else { continue }
                (tasks, group) = (pooled.tasks, pooled.group)
                for member in members {
                    let seed = member.training?.seed.map(String.init) ?? "–"
                    rows.append([label, shown(variant), seed] + fields(member.curves, member.tasks, isModel: true))
                }
                if members.count > 1 {
                    rows.append([label, shown(variant), "all"] + fields(pooled.curves, pooled.tasks, isModel: true))
                }
            }
            for played in evaluations.baselines(label, group: group) {
                rows.append([label, figures.words(of: played.kind), "–"] + fields(played.curves, played.tasks))
            }
            let source = contents.source(on: tasks)
            if !source.isEmpty { rows.append([label, "source", "–"] + fields(source, tasks)) }
            rows += known(tasks).map { [label, $0.name, "–"] + fields($0.value, tasks) }
        }
        return Report.Table(
            title,
            columns: ["evaluation", "variant", "seed", "mean \(contents.axis == .step ? "reward" : "return")"]
                + columns,
            rows: rows, isWide: true)
    }

    /// What the environment itself says of the tasks, as far as it does.
    private func known(_ tasks: [Int]) -> [(name: String, value: Double)] {
        [("random policy", contents.meanRandom(of: tasks)), ("optimum", contents.meanOptimum(of: tasks))].compactMap {
            row in row.1.map { (row.0, $0) }
        }
    }

    private func shown(_ variant: String) -> String { variant.isEmpty ? "in context" : variant }

    private func line(_ name: String, _ curves: LearningCurves, _ tasks: [Int], isModel: Bool = false) -> [String] {
        [name] + fields(curves, tasks, isModel: isModel)
    }

    private func line(_ name: String, _ value: Double, _ tasks: [Int]) -> [String] { [name] + fields(value, tasks) }

    /// Final values with their interval; how many pairs end above half of the optimum is told of models.
    private func fields(_ curves: LearningCurves, _ tasks: [Int], isModel: Bool = false) -> [String] {
        let half = isModel ? contents.aboveHalf(curves, on: tasks) : nil
        return fields(
            curves.finalMean, tasks, curves.finalInterval,
            half.map { "\(NumberText.percent(Double($0.count) / Double($0.of))) (\($0.count) of \($0.of))" })
    }

    /// A dash for what is not known.
    ///
    /// For rows that are one number, without an interval: random policy and optimum. The share is of the mean optimum
    /// of `tasks`.
    private func fields(
        _ value: Double?, _ tasks: [Int], _ interval: Interval? = nil, _ half: String? = nil
    ) -> [String] {
        var share = "–"
        if let value, let optimum = contents.meanOptimum(of: tasks), optimum > 0 {
            share = NumberText.percent(value / optimum)
        }
        let bounds = interval.map { "\(text($0.low)) to \(text($0.high))" }
        return [value.map(text) ?? "–", bounds ?? "–", share, half ?? "–"]
    }

    /// Rewards by trial lie between 0 and 1 and differ by hundredths.
    private func text(_ value: Double) -> String {
        NumberText.fixed(value, decimals: contents.axis == .step ? 3 : 2)
    }

    /// The scores against the source algorithm with what they are made of; nil where there are none.
    var scores: Report.Table? {
        let scores = figures.scores()
        guard !scores.isEmpty else { return nil }
        return Report.Table(
            "Score: (r - random) / (\(words.source) - random)",
            columns: [
                "evaluation", "variant", "seed", "score", "95 % interval", "r", words.source, "random", "optimum",
                "tasks",
            ],
            rows: scores.map { found in
                let score = found.score
                return [
                    found.label, shown(found.variant), found.seed.map(String.init) ?? "all", text(score.value),
                    score.interval.map { "\(text($0.low)) to \(text($0.high))" } ?? "–", text(score.model),
                    text(score.source), text(score.random), found.optimum.map(text) ?? "–",
                    NumberText.count(found.tasks),
                ]
            }, isWide: true)
    }
}
