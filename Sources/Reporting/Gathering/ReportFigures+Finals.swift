import Catalog
import Environments
import Quantities

extension ReportFigures {
    /// How the held-out pairs end, in ten bins: a mean may hide that some goals are never found. Nil where no optimum
    /// is known, and where variants are compared, which `finalBars` does.
    ///
    /// Shares above 1 fall into the last bin: a mean return can exceed an optimum that is an expectation.
    func finalShares() -> BarChart? {
        guard !evaluations.areSeveral, let variant = evaluations.variants.first,
            let label = evaluations.label(Split.test.rawValue, .inContext),
            let evaluated = evaluations.pooled(variant, label),
            let half = contents.aboveHalf(evaluated.curves, on: evaluated.tasks)
        else { return nil }
        var bins = [Int](repeating: 0, count: 10)
        for share in contents.finalShares(evaluated.curves, on: evaluated.tasks).map(\.share) {
            bins[min(9, max(0, Int(share * 10)))] += 1
        }
        return BarChart(
            name: "held-out-final-shares", title: "How each held-out (\(words.task), seed) pair ends",
            caption:
                "Mean \(contents.axis == .step ? "reward" : "return") of \(words.finalPoints) as a share of the "
                + "\(words.task)'s optimum; \(half.count) of \(half.of) pairs "
                + "(\(NumberText.percent(Double(half.count) / Double(half.of)))) end above half of it.",
            xTitle: "\(words.final), % of the optimum", yTitle: "(\(words.task), seed) pairs", role: .inContext,
            bars: bins.enumerated().map { .init("\($0.offset * 10)", Double($0.element)) }, isHistogram: true,
            lastEdge: "100")
    }

    /// How the variants end, in bars beside each other for each evaluation. Nil where there is one model.
    func finalBars() -> IntervalBars? {
        guard evaluations.areSeveral else { return nil }
        let groups = evaluations.labels.map { label in
            IntervalBars.Group(
                label,
                evaluations.variants.map { variant in
                    evaluations.pooled(variant, label)?.curves.finalPoint(x: 0).map { IntervalBars.Bar($0) }
                })
        }
        return IntervalBars(
            name: "final-returns", title: "How the variants end",
            caption:
                "Mean \(contents.axis == .step ? "reward" : "return") of \(words.finalPoints) by evaluation, with 95 % "
                + "intervals over trainings, \(words.tasks) and seeds.",
            yTitle: words.final, names: evaluations.variants, groups: groups)
    }

    /// Held-out final return of every evaluated checkpoint against its seconds of training; nil where fewer than two
    /// checkpoints of a variant were evaluated.
    ///
    /// Checkpoints whose seconds of training are not known are left out. The control has a line of its own where it was
    /// played of one model; of several each variant has one, whose dots are the means over its trainings.
    func returnByTrainingTime() -> LineChart? {
        var series: [LineChart.Series] = []
        var tasks: [Int] = []
        for (index, variant) in evaluations.variants.enumerated() {
            for kind in evaluations.areSeveral ? [EvaluationKind.inContext] : [.inContext, .control] {
                let dots = dots(variant, kind)
                guard !dots.isEmpty else { continue }
                tasks = dots.last?.tasks ?? tasks
                let look = evaluations.areSeveral ? LineLook(index) : LineLook(role(of: kind))
                series.append(
                    .init(
                        evaluations.areSeveral ? variant : words(of: kind), look.role, dots.map(\.point), hasDots: true,
                        dash: look.dash))
            }
        }
        guard series.contains(where: { $0.points.count > 1 }) else { return nil }
        return LineChart(
            name: "return-by-training-time", title: "Held-out return against training time",
            caption:
                "Each dot is a checkpoint: mean return of \(words.finalPoints) on the "
                + "held-out \(words.tasks), with a 95 % bootstrap interval.",
            xTitle: "seconds of training", yTitle: words.final, series: series, references: references(tasks),
            yRange: 0...1)
    }

    /// Of a variant's checkpoints by their step, those of all its trainings together.
    private func dots(_ variant: String, _ kind: EvaluationKind) -> [(point: LineChart.Point, tasks: [Int])] {
        guard let label = evaluations.label(Split.test.rawValue, kind) else { return [] }
        let records = Dictionary(contents.checkpoints.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let members = evaluations.all.filter {
            $0.training?.variant == variant && $0.label == label
                && $0.checkpoint.flatMap { records[$0]?.trainingSeconds } != nil
        }
        let steps = Dictionary(grouping: members) { $0.checkpoint.flatMap { records[$0]?.step } ?? 0 }
        return steps.sorted { $0.key < $1.key }.compactMap { _, members in
            let seconds = members.compactMap { $0.checkpoint.flatMap { records[$0]?.trainingSeconds } }
            guard let pooled = PooledEvaluation(members), let point = pooled.curves.finalPoint(x: average(seconds[...]))
            else { return nil }
            return (point, pooled.tasks)
        }
    }
}

extension IntervalBars.Bar {
    /// A point with its bounds, as a bar.
    init(_ point: LineChart.Point) {
        let interval = point.low.flatMap { low in point.high.map { Interval(low: low, high: $0) } }
        self.init(point.y, interval)
    }
}
