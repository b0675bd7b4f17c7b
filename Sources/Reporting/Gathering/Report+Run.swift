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
        let evaluations = ReportedEvaluations(contents)
        let figures = ReportFigures(contents, evaluations)
        let results = Results(contents, figures)
        let measured = MeasuredCurves(contents: contents, evaluations: evaluations)
        let claims = (contents.experiment?.claims ?? []).map { JudgedClaim($0, in: measured) }
        let tables = ReportTables(figures)
        let attention = contents.attention
        self.init(
            title: contents.name, subtitle: Report.subtitle(contents), summary: results.summary,
            highlights: results.highlights,
            sections: [
                Section(
                    "Learning in context",
                    "The model's weights are frozen; all that changes from \(figures.words.point) to "
                        + "\(figures.words.point) is what its context holds.",
                    Report.present(figures.curves() + [figures.finalBars(), figures.finalShares()]),
                    leadsWide: true),
                Section(
                    "Regret and score", "What is lost against the best policy, and what is gained on random actions.",
                    Report.present(figures.regrets() + [figures.scoreBars()])),
                Section(
                    "\(figures.words.place) by \(figures.words.place.lowercased())",
                    "Where the \(figures.words.places) lie, and how well each ends.",
                    Report.present(
                        figures.mapsOfModels() + figures.planesOfModels() + [figures.paths()] + figures.mapsOfSource()
                            + figures.reached())),
                Section(
                    "How it was made", "",
                    Report.present([
                        figures.sourceLearning(), figures.loss(), figures.returnByTrainingTime(),
                        figures.collectionThroughput(), figures.distillerThroughput(),
                    ])),
            ] + (attention.map(Report.pictures) ?? []),
            tables: [tables.claims(claims)].filter { !$0.rows.isEmpty } + tables.all
                + Report.present([attention.map { Report.table(of: $0.summary) }]),
            remarks: contents.remarks,
            claims: claims)
    }

    /// Of the first stream's decisions.
    private static func pictures(of attention: ReportedAttention) -> [Section] {
        pictures(of: attention.first) { "Attention of \(attention.checkpoint), row \($0) of \(attention.stream)" }
    }

    private static func present<Part>(_ parts: [Part?]) -> [Part] { parts.compactMap { $0 } }

    /// The environment with its settings, when the run began, and the version, with dots between them; what is not
    /// known is left out.
    private static func subtitle(_ contents: RunContents) -> String {
        var parts: [String] = []
        if let environment = contents.experiment?.environment {
            parts.append("\(environment.kind.name) (\(ReportWords.settings(json: environment.settings.json(.all))))")
        }
        if let run = contents.run { parts += [timestamp(run.started), "distillery \(run.softwareVersion)"] }
        return parts.joined(separator: " · ")
    }
}

/// The numbers that the page's head tells.
///
/// About the last evaluated checkpoints, on held-out tasks.
private struct Results {
    /// Read as a whole before; nothing here touches the catalogue again.
    let contents: RunContents
    let words: ReportWords
    /// A variant with what it came to in context; one without a name where there are no variants.
    let inContext: [(variant: String, evaluation: PooledEvaluation)]
    /// Of the first of them; nil where no control was played.
    let control: PooledEvaluation?
    /// On the same tasks; those of all trainings of a variant.
    let scores: [ReportFigures.ReportedScore]

    /// Takes the last evaluated checkpoints, like `ReportFigures` and `ReportTables`.
    init(_ contents: RunContents, _ figures: ReportFigures) {
        let evaluations = figures.evaluations
        let held = Split.test.rawValue
        let label = evaluations.label(held, .inContext)
        self.contents = contents
        words = figures.words
        let found = evaluations.variants.compactMap { variant in
            label.flatMap { evaluations.pooled(variant, $0) }.map { (variant: variant, evaluation: $0) }
        }
        inContext = found
        control = evaluations.label(held, .control).flatMap { label in
            found.first.flatMap { evaluations.pooled($0.variant, label) }
        }
        scores = figures.scores().filter { $0.label == label && $0.seed == nil }
    }

    private var areSeveral: Bool { inContext.count > 1 }

    /// One or two sentences; where nothing was evaluated, a sentence that says so.
    ///
    /// Says nothing of the optimum where that of any task is unknown.
    var summary: String {
        guard let first = inContext.first?.evaluation, let begin = first.curves.firstMean,
            let final = first.curves.finalMean
        else {
            return "No evaluation on held-out \(words.tasks) is recorded in this run yet."
        }
        let optimum = contents.meanOptimum(of: first.tasks).map { " (the optimum is \(two($0)))" } ?? ""
        guard !areSeveral else {
            let ends = inContext.compactMap { variant, evaluation in
                evaluation.curves.finalMean.map { "\(variant) at \(two($0))" }
            }
            return
                "On \(first.tasks.count) \(words.tasks) that they were never trained on, the variants end in context, "
                + "with frozen weights, at a \(words.final) of: \(ends.joined(separator: ", "))\(optimum)."
        }
        let end =
            contents.axis == .step
            ? "a mean of \(two(final)) over all of them" : "\(two(final)) in \(words.finalPoints)"
        var text =
            "On \(first.tasks.count) \(words.tasks) that it was never trained on, the distilled model goes from a "
            + "\(contents.axis == .step ? "reward" : "return") of \(two(begin)) in its first \(words.point) to \(end)"
            + "\(optimum), with frozen weights."
        if let cleared = control?.curves.finalMean {
            text += " With its context cleared at every \(words.point) it ends at \(two(cleared))."
        }
        return text
    }

    /// At most six: what the variants came to, or return, control and pairs above half; then transitions and duration.
    ///
    /// From left to right; what is not known is left out.
    var highlights: [Report.Highlight] {
        var list = areSeveral ? variantHighlights : modelHighlights
        if contents.transitions > 0 {
            list.append(
                .init(
                    "Transitions", NumberText.count(contents.transitions),
                    "\(NumberText.count(contents.lifetimes.count)) lifetimes"))
        }
        if let duration = contents.duration { list.append(.init("Duration", NumberText.duration(duration), phaseText)) }
        return list
    }

    private var variantHighlights: [Report.Highlight] {
        inContext.prefix(4).compactMap { variant, evaluation in
            evaluation.curves.finalMean.map { final in
                let optimum = contents.meanOptimum(of: evaluation.tasks)
                return .init(
                    variant, two(final),
                    score(variant) ?? optimum.map { "\(NumberText.percent(final / $0)) of the optimum" } ?? words.final)
            }
        }
    }

    /// `score 0.93`
    private func score(_ variant: String) -> String? {
        scores.first { $0.variant == variant }.map { "score \(two($0.score.value))" }
    }

    private var modelHighlights: [Report.Highlight] {
        guard let inContext = inContext.first?.evaluation, let final = inContext.curves.finalMean else { return [] }
        var list: [Report.Highlight] = []
        let optimum = contents.meanOptimum(of: inContext.tasks)
        list.append(
            .init(
                contents.axis == .step ? "Held-out reward" : "Held-out return", two(final),
                optimum.map { "\(NumberText.percent(final / $0)) of the optimum" } ?? "last \(words.point)s"))
        if let score = scores.first {
            list.append(.init("Score", two(score.score.value), "0 random actions, 1 \(words.source)"))
        }
        if let cleared = control?.curves.finalMean {
            let detail =
                cleared > 0
                ? "in context is \(NumberText.short(final / cleared, decimals: 1)) times as much" : "control"
            list.append(.init("Context cleared", two(cleared), detail))
        }
        if scores.isEmpty, let half = contents.aboveHalf(inContext.curves, on: inContext.tasks) {
            list.append(
                .init(
                    "End above half the optimum", NumberText.percent(Double(half.count) / Double(half.of)),
                    "\(half.count) of \(half.of) (\(words.task), seed) pairs"))
        }
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
