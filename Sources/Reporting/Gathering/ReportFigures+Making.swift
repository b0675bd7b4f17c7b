import Catalog
import Environments
import Experience
import Quantities

extension ReportFigures {
    /// The source algorithm over its whole life, on training and on held-out tasks; nil where no stream could be read.
    ///
    /// Held-out tasks are there where lifetimes on them were collected for comparison. Bands are 95 % intervals.
    func sourceLearning() -> LineChart? {
        var series: [LineChart.Series] = []
        var lifetimes: [String] = []
        var tasks: [Int] = []
        for (split, role) in [(Split.train, Role.source), (.test, .secondQuantity)] {
            let ids = contents.tasks.filter { $0.split == split && contents.sourceReturns[$0.id] != nil }.map(\.id)
            let curves = contents.source(on: ids)
            guard !curves.isEmpty else { continue }
            let name = "\(words.group(split.rawValue)) \(words.tasks)"
            series.append(.init(name, role, curves.meanCurve(window: 5)))
            lifetimes.append("\(NumberText.count(curves.curveCount)) lifetimes on \(ids.count) \(name)")
            tasks += ids
        }
        guard !series.isEmpty else { return nil }
        return LineChart(
            name: "source-returns", title: "The source algorithm over its lifetimes",
            caption: "Mean \(words.value) of one actor: \(lifetimes.joined(separator: ", ")); 95 % bootstrap "
                + "intervals. A lifetime that ended goes on at its \(words.final).",
            xTitle: "\(words.point) of an actor", yTitle: words.value, series: series,
            references: references(contents.axis == .step ? tasks : contents.tasks.map(\.id)), yRange: 0...1)
    }

    /// The distiller's loss in nats an action by step, with the entropy of the source's policies where the learners
    /// measured it. Nil for fewer than two points. Of several trainings each has a line, those of a variant the same
    /// colour and one name.
    ///
    /// From the metrics `distiller/loss` and `distiller/NAME/loss`, averaged to at most 400 points.
    func loss() -> LineChart? {
        let lines = trainings(of: "loss")
        guard lines.contains(where: { $0.points.count > 1 }) else { return nil }
        let floor = contents.sourceEntropy
        return LineChart(
            name: "distiller-loss", title: "Loss of the distiller",
            caption: "Negative log-likelihood of the source's actions, smoothed as it was reported."
                + (lines.contains(where: \.isFaint) ? " Thin lines are further trainings of the same variant." : "")
                + (floor == nil
                    ? ""
                    : " The dashed line is the mean entropy of the source's own policies over whole lifetimes: about what "
                        + "a model that knew the acting policy would reach."),
            xTitle: "optimiser step", yTitle: "nats an action", series: lines,
            references: floor.map { [.init("source's entropy", .source, $0)] } ?? [])
    }

    /// Tokens a second by step. Nil for fewer than two points.
    ///
    /// From the metric `distiller/tokens_per_second`, which counts from the beginning of the training.
    func distillerThroughput() -> LineChart? {
        let lines = trainings(of: "tokens_per_second", name: "distiller")
        guard lines.contains(where: { $0.points.count > 1 }) else { return nil }
        return LineChart(
            name: "distiller-throughput", title: "Speed of the distiller",
            caption: "Tokens that went forward and backward through the model a second, since training began.",
            xTitle: "optimiser step", yTitle: "tokens a second", series: lines,
            yRange: 0...1)
    }

    /// A number of the distillers by step, a line for each training: its name is that of the number, or of the variant.
    private func trainings(of number: String, name: String? = nil) -> [LineChart.Series] {
        let (before, behind) = ("distiller/", "/\(number)")
        let found = contents.metrics.keys.compactMap { metric -> ReportedTraining? in
            guard metric.count > before.count + behind.count, metric.hasPrefix(before), metric.hasSuffix(behind) else {
                return nil
            }
            return ReportedTraining(name: String(metric.dropFirst(before.count).dropLast(behind.count)))
        }
        let single = points(of: "distiller/\(number)")
        guard !found.isEmpty else {
            return single.isEmpty ? [] : [.init(name ?? number, .quantity, single)]
        }
        let variants = evaluations.ordered(variants: Set(found.map(\.variant)))
        return variants.enumerated().flatMap { index, variant in
            found.filter { $0.variant == variant }.sorted { ($0.seed ?? 0) < ($1.seed ?? 0) }.enumerated().map {
                LineChart.Series(
                    variant.isEmpty ? name ?? number : variant, LineLook(index).role,
                    points(of: "distiller/\($1.name)/\(number)"), isFaint: $0 > 0, dash: LineLook(index).dash)
            }
        }
    }

    /// One metric by step; at most 400 points, each the mean of its neighbours.
    ///
    /// Values that are not finite are left out.
    ///
    /// Averaging neighbours keeps a peak's area but not its height; the catalogue has every number.
    private func points(of metric: String) -> [LineChart.Point] {
        let records = (contents.metrics[metric] ?? []).filter(\.value.isFinite).sorted { $0.step < $1.step }
        let stride = max(1, (records.count + 399) / 400)
        return Swift.stride(from: 0, to: records.count, by: stride).map { start in
            let part = records[start..<min(records.count, start + stride)]
            return LineChart.Point(
                x: Double(part.reduce(0) { $0 + $1.step }) / Double(part.count),
                y: part.reduce(0) { $0 + $1.value } / Double(part.count))
        }
    }

    /// Transitions a second while histories were collected, in 8 to 100 bins of equal width; a lifetime's are spread
    /// evenly over its time. Nil where collection took less than half a second.
    ///
    /// Lifetimes that did not begin or end, or whose transitions are not known, are left out. Evaluations do not count.
    func collectionThroughput() -> LineChart? {
        let done = contents.lifetimes.compactMap { lifetime -> (start: Double, end: Double, count: Double)? in
            guard let start = lifetime.started, let end = lifetime.ended, end > start, let count = lifetime.transitions
            else { return nil }
            return (start, end, Double(count))
        }
        guard let start = done.map(\.start).min(), let end = done.map(\.end).max(), end - start > 0.5 else {
            return nil
        }
        let bins = min(100, max(8, Int((end - start) / 2)))
        let width = (end - start) / Double(bins)
        var totals = [Double](repeating: 0, count: bins)
        for lifetime in done {
            let first = max(0, Int((lifetime.start - start) / width))
            let last = min(bins - 1, Int((lifetime.end - start) / width))
            for bin in first...max(first, last) where bin < bins {
                let low = max(lifetime.start, start + Double(bin) * width)
                let high = min(lifetime.end, start + Double(bin + 1) * width)
                if high > low { totals[bin] += lifetime.count * (high - low) / (lifetime.end - lifetime.start) }
            }
        }
        let total = done.reduce(0) { $0 + $1.count }
        return LineChart(
            name: "collection-throughput", title: "Speed of collection",
            caption: "Environment steps a second, acted, learnt from and recorded: \(NumberText.count(Int(total))) in "
                + "\(NumberText.duration(end - start)), \(NumberText.count(Int(total / (end - start)))) a second over all. "
                + "A lifetime's steps are spread evenly over its time.",
            xTitle: "seconds since the first lifetime began", yTitle: "steps a second",
            series: [
                .init(
                    "collected", .quantity,
                    totals.enumerated().map { .init(x: (Double($0.offset) + 0.5) * width, y: $0.element / width) })
            ], yRange: 0...1)
    }
}
