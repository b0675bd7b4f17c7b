import Catalog
import Environments
import Experiments
import Quantities
import Settings

extension Report {
    /// The report of a run.
    ///
    /// Figures that have nothing to show are left out, and with them sections that are empty.
    ///
    /// Order of the sections: what was learnt, goal by goal, how it was made. No figure is computed twice, and nothing
    /// is read from the disk here.
    package init(_ contents: RunContents) {
        let figures = ReportFigures(contents)
        let results = Results(contents)
        self.init(
            title: contents.name, subtitle: Report.subtitle(contents), summary: results.summary,
            highlights: results.highlights,
            sections: [
                Section(
                    "Learning in context",
                    "The model's weights are frozen; all that changes from episode to episode is what its context holds.",
                    Report.present([figures.returns(on: .test), figures.returns(on: .train), figures.finalShares()]),
                    leadsWide: true),
                Section(
                    "Goal by goal", "Where the goals lie, which were held out, and how well each ends.",
                    Report.present([figures.heatMapOfModel(), figures.heatMapOfSource()])),
                Section(
                    "How it was made", "",
                    Report.present([
                        figures.sourceLearning(), figures.loss(), figures.returnByTrainingTime(),
                        figures.collectionThroughput(), figures.distillerThroughput(),
                    ])),
            ], tables: ReportTables(contents).all, remarks: contents.remarks)
    }

    private static func present(_ figures: [(any Figure)?]) -> [any Figure] { figures.compactMap { $0 } }

    /// The environment with its settings, when the run began, and the version, with dots between them; what is not
    /// known is left out.
    private static func subtitle(_ contents: RunContents) -> String {
        var parts: [String] = []
        if let environment = contents.experiment?.environment {
            let settings = environment.settings.json(.all).filter { !"{}\"".contains($0) }.replacing(":", with: " ")
            parts.append("\(environment.kind.name) (\(settings.replacing(",", with: ", ")))")
        }
        if let run = contents.run { parts += [timestamp(run.started), "distillery \(run.softwareVersion)"] }
        return parts.joined(separator: " · ")
    }
}

/// The numbers that the page's head tells.
///
/// About the last evaluated checkpoint, on held-out tasks.
private struct Results {
    /// Read as a whole before; nothing here touches the catalogue again.
    let contents: RunContents
    /// Nil where nothing was played in context on held-out tasks.
    let inContext: EvaluatedSplit?
    /// Nil where no control was played.
    let control: EvaluatedSplit?

    /// Takes the last evaluated checkpoint, like `ReportFigures` and `ReportTables`.
    init(_ contents: RunContents) {
        self.contents = contents
        let checkpoint = contents.evaluatedCheckpoints.last
        inContext = checkpoint.flatMap { contents.evaluated($0, .test, .inContext) }
        control = checkpoint.flatMap { contents.evaluated($0, .test, .control) }
    }

    /// One or two sentences; where nothing was evaluated, a sentence that says so.
    ///
    /// Says nothing of the optimum where that of any task is unknown.
    var summary: String {
        guard let inContext, let first = inContext.curves.firstMean, let final = inContext.curves.finalMean else {
            return "No evaluation on held-out goals is recorded in this run yet."
        }
        var text =
            "On \(inContext.tasks.count) goals that it was never trained on, the distilled model goes from a return of "
            + "\(two(first)) in its first episode to \(two(final)) in its last \(LearningCurves.finalEpisodes)"
        if let optimum = contents.meanOptimum(of: inContext.tasks) { text += " (the optimum is \(two(optimum)))" }
        text += ", with frozen weights."
        if let cleared = control?.curves.finalMean {
            text += " With its context cleared at every episode it ends at \(two(cleared))."
        }
        return text
    }

    /// At most five: return, control, pairs above half, transitions, duration.
    ///
    /// From left to right; what is not known is left out.
    var highlights: [Report.Highlight] {
        var list: [Report.Highlight] = []
        if let inContext, let final = inContext.curves.finalMean {
            let optimum = contents.meanOptimum(of: inContext.tasks)
            list.append(
                .init(
                    "Held-out return", two(final),
                    optimum.map { "\(NumberText.percent(final / $0)) of the optimum" } ?? "last episodes"))
            if let cleared = control?.curves.finalMean {
                let detail =
                    cleared > 0
                    ? "in context is \(NumberText.short(final / cleared, decimals: 1)) times as much" : "control"
                list.append(.init("Context cleared", two(cleared), detail))
            }
            if let half = contents.aboveHalf(inContext) {
                list.append(
                    .init(
                        "End above half the optimum", NumberText.percent(Double(half.count) / Double(half.of)),
                        "\(half.count) of \(half.of) (goal, seed) pairs"))
            }
        }
        if contents.transitions > 0 {
            list.append(
                .init(
                    "Transitions", NumberText.count(contents.transitions),
                    "\(NumberText.count(contents.lifetimes.count)) lifetimes"))
        }
        if let duration = contents.duration { list.append(.init("Duration", NumberText.duration(duration), phaseText)) }
        return list
    }

    /// Each phase that another one followed, with its duration.
    ///
    /// The last phase has no duration of its own, because nothing says when it ended.
    private var phaseText: String {
        let phases = contents.phases
        return zip(phases, phases.dropFirst()).map { "\($0.name) \(NumberText.duration($1.began - $0.began))" }
            .joined(separator: ", ")
    }

    /// Returns have two decimals throughout the page.
    private func two(_ value: Double) -> String { NumberText.fixed(value, decimals: 2) }
}
