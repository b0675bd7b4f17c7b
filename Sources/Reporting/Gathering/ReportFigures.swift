import Catalog
import Environments
import Experience
import Quantities

/// The figures of a run's report. Each is nil, or left out, where there is nothing to show.
///
/// Each method makes one figure and its caption, so that what a caption claims stands beside what computes it. Where
/// variants are compared there is a line for each, and a figure for each evaluation; otherwise the model is compared with
/// itself without its context.
struct ReportFigures {
    /// All numbers; figures compute on them and change nothing.
    let contents: RunContents
    let evaluations: ReportedEvaluations
    let words: ReportWords

    init(_ contents: RunContents, _ evaluations: ReportedEvaluations) {
        self.contents = contents
        self.evaluations = evaluations
        words = ReportWords(contents)
    }

    /// What the control of an evaluation is called beside it.
    private static let controlSuffix = "-cleared"

    /// The main figures, one for each evaluation: return by episode, or reward by trial, of the model or of every variant,
    /// of the policies without a checkpoint, and of the source that learns the same tasks from scratch, between optimum
    /// and random policy. The control stands beside what it is a control of where there is one model.
    func curves() -> [LineChart] {
        let labels = evaluations.labels.filter { label in
            evaluations.areSeveral || !label.hasSuffix(Self.controlSuffix)
                || !evaluations.labels.contains(String(label.dropLast(Self.controlSuffix.count)))
        }
        return labels.enumerated().compactMap { curves(of: $1, leads: $0 == 0) }
    }

    /// The source's recorded lifetimes are averaged over 5 neighbours however short they are.
    private func curves(of label: String, leads: Bool) -> LineChart? {
        let models = models(label)
        guard let first = models.first?.evaluation else { return nil }
        let shape = CurveShape(points: models.map(\.evaluation.curves.longest))
        let window = shape.window
        var series = models.map { model in
            LineChart.Series(
                model.name, model.look.role, model.evaluation.curves.meanCurve(window: window), dash: model.look.dash)
        }
        let baselines = evaluations.baselines(label, group: first.group)
        for played in baselines {
            series.append(.init(words(of: played.kind), role(of: played.kind), played.curves.meanCurve(window: window)))
        }
        var caption = caption(models.map(\.evaluation)) + shape.smoothing(words)
        let source = contents.source(on: first.tasks)
        if !source.isEmpty, contents.axis == .episode || !baselines.contains(where: { $0.kind == .source }) {
            series.append(
                .init(words.source, .source, source.meanCurve(window: max(window, 5), episodes: shape.points)))
            caption +=
                " The source is the algorithm that made the data, learning the same \(words.tasks) from scratch "
                + "(\(source.curveCount) lifetimes), by \(words.point) of one actor; a lifetime that ended goes on at its "
                + "\(words.final)."
        }
        let beside = linesBeside(first.tasks)
        for (line, count) in beside {
            caption +=
                " \(line.name): what this other run comes to on \(count) of the \(first.tasks.count) \(words.tasks)."
        }
        return shape.chart(
            name: name(label), title: title(label, first), caption: caption, words: words, series: series,
            references: references(first.tasks) + prompt(first) + beside.map(\.line), leads: leads)
    }

    /// The lines of a figure that act by a checkpoint.
    private func models(_ label: String) -> [(name: String, look: LineLook, evaluation: PooledEvaluation)] {
        guard !evaluations.areSeveral else {
            return evaluations.variants.enumerated().compactMap { index, variant in
                evaluations.pooled(variant, label).map { (variant, LineLook(index), $0) }
            }
        }
        return [label, label + Self.controlSuffix].compactMap { label in
            evaluations.variants.first.flatMap { evaluations.pooled($0, label) }.map { evaluation in
                (words(of: evaluation.kind), LineLook(role(of: evaluation.kind)), evaluation)
            }
        }
    }

    private func caption(_ models: [PooledEvaluation]) -> String {
        let seeds = models.map(\.curves.repetitionCount).max() ?? 0
        let trainings = models.map(\.members.count).max() ?? 1
        let draws = Bootstrap.draws(of: models.map(\.curves))
        let beginning = evaluations.areSeveral ? "A line for each variant: mean over " : "Mean over "
        let lives = "\(seeds) seed\(seeds == 1 ? "" : "s") of each"
        let over =
            trainings > 1
            ? "\(trainings) trainings, \(words.tasks) and \(lives)" : "\(words.tasks) and \(lives)"
        let levels =
            trainings > 1
            ? "over trainings and \(words.tasks), and over seeds within each"
            : "over \(words.tasks), and over seeds within each \(words.task)"
        return
            "\(beginning)\(over); bands are 95 % intervals (percentile bootstrap \(levels), "
            + "\(NumberText.count(draws)) draws)."
    }

    private func name(_ label: String) -> String {
        switch label {
        case Split.test.rawValue: "held-out-returns"
        case Split.train.rawValue: "train-returns"
        default: "returns-\(label)"
        }
    }

    private func title(_ label: String, _ evaluation: PooledEvaluation) -> String {
        let count = evaluation.tasks.count
        let tasks = "\(count) \(words.group(evaluation.group)) \(words.tasks)"
        let what = contents.axis == .step ? "Reward by trial" : "Return by episode"
        switch label {
        case Split.test.rawValue: return "\(what) on \(tasks)"
        case Split.train.rawValue where !evaluations.areSeveral:
            return "The same on \(count) of the training \(words.tasks)"
        default: return "\(label): \(what.lowercased()) on \(tasks)"
        }
    }

    /// Lines for the mean optimum and the mean random return of these tasks, as far as every one is known.
    ///
    /// Both are dashed horizontal lines; empty where neither is known for every task.
    func references(_ tasks: [Int]) -> [LineChart.Reference] {
        CurveShape.references(optimum: contents.meanOptimum(of: tasks), random: contents.meanRandom(of: tasks))
    }

    /// A dashed line for the mean return of what an evaluation began with; empty where it began with nothing.
    private func prompt(_ evaluation: PooledEvaluation) -> [LineChart.Reference] {
        let returns = evaluation.members.first.map { contents.prompts(of: $0).map(\.meanReturn) } ?? []
        guard !returns.isEmpty else { return [] }
        return [.init("prompt", .secondQuantity, average(returns[...]))]
    }

    /// For a legend. By trial the source stands there once, as it was evaluated.
    func words(of kind: EvaluationKind) -> String {
        switch kind {
        case .inContext: "in context"
        case .control: "context cleared"
        case .source: contents.axis == .step ? words.source : "\(words.source), evaluated"
        default: "\(kind.rawValue), evaluated"
        }
    }

    /// What a policy is drawn as: beside the source's recorded lifetimes, which have its colour, its evaluation has
    /// another.
    func role(of kind: EvaluationKind) -> Role {
        guard kind == .source else { return Role(rawValue: kind.rawValue) ?? .quantity }
        return contents.axis == .step ? .source : .secondQuantity
    }
}
