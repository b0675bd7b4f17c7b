import Agents
import Catalog
import Environments
import Experience
import Experiments
import Foundation
import Quantities

/// The figures of a run's report. Each is nil where there is nothing to show.
///
/// Each method makes one figure and its caption, so that what a caption claims stands beside what computes it.
struct ReportFigures {
    /// All numbers; figures compute on them and change nothing.
    let contents: RunContents
    /// The last evaluated one by training step, which the report is about; nil before the first evaluation.
    let checkpoint: String?
    /// `source (A3C)`, or `source` where the experiment cannot be read.
    private let sourceName: String

    /// Decides on the checkpoint once, so that all figures of a page are about the same one.
    init(_ contents: RunContents) {
        self.contents = contents
        checkpoint = contents.evaluatedCheckpoints.last
        sourceName = contents.experiment.map { "source (\($0.source.name.uppercased()))" } ?? "source"
    }

    /// The main figure: return by episode in context, with the context cleared, of the baselines, and of the source
    /// algorithm that learns the same tasks from scratch, between optimum and random policy. Nil where the split was not
    /// evaluated.
    ///
    /// The held-out chart takes the page's whole width. Curves of 100 episodes or more are averaged over 5 neighbours;
    /// the source's always are.
    func returns(on split: Split) -> LineChart? {
        guard let checkpoint else { return nil }
        let inContext = contents.evaluated(checkpoint, split, .inContext)
        let control = contents.evaluated(checkpoint, split, .control)
        guard let any = inContext ?? control else { return nil }
        let episodes = any.curves.longest
        let window = episodes >= 100 ? 5 : 1
        var series: [LineChart.Series] = []
        if let inContext { series.append(.init("in context", .inContext, inContext.curves.meanCurve(window: window))) }
        if let control { series.append(.init("context cleared", .control, control.curves.meanCurve(window: window))) }
        for kind in contents.baselines {
            guard let played = contents.baseline(kind, split) else { continue }
            series.append(.init(kind.words, kind.role, played.curves.meanCurve(window: window)))
        }
        let source = contents.source(on: any.tasks)
        if !source.isEmpty {
            let points = source.meanCurve(window: max(window, 5), episodes: episodes)
            series.append(.init(sourceName, .source, points))
        }
        let isTest = split == .test
        let seeds = any.curves.returns.map(\.count).max() ?? 0
        var caption =
            "Mean over goals and \(seeds) seeds of each; bands are 95 % intervals (percentile bootstrap over goals, and "
            + "over seeds within each goal, \(NumberText.count(LearningCurves.resamples)) draws)."
        if window > 1 { caption += " Curves are averaged over \(window) neighbouring episodes." }
        if !source.isEmpty {
            caption +=
                " The source is the algorithm that made the data, learning the same goals from scratch "
                + "(\(source.curveCount) lifetimes), by episode of one actor; a lifetime that ended goes on at its final "
                + "return."
        }
        return LineChart(
            name: isTest ? "held-out-returns" : "train-returns",
            title: isTest
                ? "Return by episode on \(any.tasks.count) held-out goals"
                : "The same on \(any.tasks.count) of the training goals",
            caption: caption, xTitle: "episode", yTitle: "return of an episode", series: series,
            references: references(any.tasks), xRange: 1...Double(max(2, episodes)), yRange: 0...1,
            size: isTest ? (1120, 420) : (560, 340))
    }

    /// Lines for the mean optimum and the mean random return of these tasks, as far as every one is known.
    ///
    /// Both are dashed horizontal lines; empty where neither is known for every task.
    func references(_ tasks: [Int]) -> [LineChart.Reference] {
        var lines: [LineChart.Reference] = []
        if let optimum = contents.meanOptimum(of: tasks) { lines.append(.init("optimum", .optimum, optimum)) }
        if let random = contents.meanRandom(of: tasks) { lines.append(.init("random policy", .random, random)) }
        return lines
    }

    /// How the held-out pairs end, in ten bins: a mean may hide that some goals are never found. Nil where no optimum
    /// is known.
    ///
    /// Shares above 1 fall into the last bin: a mean return can exceed an optimum that is an expectation.
    func finalShares() -> BarChart? {
        guard let checkpoint, let evaluated = contents.evaluated(checkpoint, .test, .inContext),
            let half = contents.aboveHalf(evaluated)
        else { return nil }
        var bins = [Int](repeating: 0, count: 10)
        for share in contents.finalShares(evaluated).map(\.share) { bins[min(9, max(0, Int(share * 10)))] += 1 }
        return BarChart(
            name: "held-out-final-shares", title: "How each held-out (goal, seed) pair ends",
            caption:
                "Mean return of the last \(LearningCurves.finalEpisodes) episodes as a share of the goal's optimum; "
                + "\(half.count) of \(half.of) pairs (\(NumberText.percent(Double(half.count) / Double(half.of)))) end "
                + "above half of it.",
            xTitle: "final return, % of the optimum", yTitle: "(goal, seed) pairs", role: .inContext,
            bars: bins.enumerated().map { .init("\($0.offset * 10)", Double($0.element)) }, isHistogram: true,
            lastEdge: "100")
    }

    /// Held-out final return of every evaluated checkpoint against its seconds of training; nil where fewer than two
    /// checkpoints were evaluated.
    ///
    /// Checkpoints whose seconds of training are not known are left out. The control has a line of its own where it was
    /// played.
    func returnByTrainingTime() -> LineChart? {
        let times = Dictionary(
            contents.checkpoints.map { ($0.name, $0.trainingSeconds) }, uniquingKeysWith: { first, _ in first })
        var series: [LineChart.Series] = []
        var tasks: [Int] = []
        for (kind, role, words) in [
            (EvaluationKind.inContext, Role.inContext, "in context"), (.control, .control, "context cleared"),
        ] {
            let points = contents.evaluatedCheckpoints.compactMap { name -> LineChart.Point? in
                guard let seconds = times[name] ?? nil, let evaluated = contents.evaluated(name, .test, kind) else {
                    return nil
                }
                tasks = evaluated.tasks
                return evaluated.curves.finalPoint(x: seconds)
            }
            if !points.isEmpty { series.append(.init(words, role, points, hasDots: true)) }
        }
        guard series.contains(where: { $0.points.count > 1 }) else { return nil }
        return LineChart(
            name: "return-by-training-time", title: "Held-out return against training time",
            caption:
                "Each dot is a checkpoint: mean return of the last \(LearningCurves.finalEpisodes) episodes on the "
                + "held-out goals, with a 95 % bootstrap interval.",
            xTitle: "seconds of training", yTitle: "final return", series: series, references: references(tasks),
            yRange: 0...1)
    }
}

extension EvaluationKind {
    /// For a legend.
    var words: String {
        switch self {
        case .inContext: "in context"
        case .control: "context cleared"
        default: "\(rawValue), evaluated"
        }
    }

    /// What it is drawn as; the source's recorded lifetimes have the colour of the source already.
    var role: Role { self == .source ? .secondQuantity : Role(rawValue: rawValue) ?? .quantity }
}
