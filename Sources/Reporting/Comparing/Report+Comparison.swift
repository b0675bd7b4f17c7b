import Catalog
import Environments
import Experience
import Experiments
import Quantities
import Settings

extension Report {
    /// The report of several runs beside each other: what their policies come to under each evaluation that one of them
    /// has, on the tasks that all have; how long they took; and which settings differ. `runs`: with their folders' names,
    /// by which runs of the same experiment are told apart.
    ///
    /// Throws `ComparisonError` for fewer than two runs, and for runs whose curves count different things.
    package init(comparing runs: [(folder: String, contents: RunContents)]) throws(ComparisonError) {
        let compared = try ComparedRuns(runs)
        let figures = ComparisonFigures(compared)
        let names = compared.members.map(\.name)
        self.init(
            title: names.joined(separator: " and "), subtitle: "\(names.count) runs beside each other",
            summary: figures.summary, highlights: figures.highlights,
            sections: [
                Section(
                    "Learning in context", "The same evaluation of each run in one figure.", figures.curves,
                    leadsWide: true)
            ],
            tables: [figures.ends, figures.durations, figures.settings].filter { !$0.rows.isEmpty },
            remarks: figures.remarks
                + compared.members.flatMap { member in member.contents.remarks.map { "\(member.name): \($0)" } })
        tablesTitle = "Numbers, times, settings that differ"
    }
}

/// Figures and tables of `ComparedRuns`.
private struct ComparisonFigures {
    let compared: ComparedRuns
    /// The same for all of them, since their curves count the same.
    let words: ReportWords
    /// Rewards by trial differ by hundredths.
    private let decimals: Int

    init(_ compared: ComparedRuns) {
        self.compared = compared
        let first = compared.members[0].contents
        words = ReportWords(first)
        decimals = first.axis == .step ? 3 : 2
    }

    private func text(_ value: Double) -> String { NumberText.fixed(value, decimals: decimals) }

    private func tasks(_ comparison: ComparedRuns.Comparison) -> String {
        comparison.commonTasks.map { "\($0) \($0 == 1 ? words.task : words.tasks) that all have" }
            ?? "each run's own \(words.tasks)"
    }

    var summary: String {
        guard let first = compared.comparisons.first else {
            return "None of these runs has an evaluation yet."
        }
        let ends = first.lines.compactMap { line in line.curves.finalMean.map { "\(line.name) at \(text($0))" } }
        return "Under the evaluation \(first.label), on \(tasks(first)), they end at a \(words.final) of: "
            + ends.joined(separator: ", ") + "."
    }

    var highlights: [Report.Highlight] {
        (compared.comparisons.first?.lines ?? []).prefix(6).compactMap { line in
            line.curves.finalMean.map { final in
                .init(
                    line.name, text(final),
                    line.optimum.map { "\(NumberText.percent(final / $0)) of the optimum" } ?? words.final)
            }
        }
    }

    var curves: [any Figure] {
        compared.comparisons.enumerated().map { position, comparison in
            let shape = CurveShape(points: comparison.lines.map(\.curves.longest))
            let references =
                comparison.commonTasks == nil
                ? []
                : CurveShape.references(
                    optimum: comparison.lines.first?.optimum, random: comparison.lines.first?.random)
            return shape.chart(
                name: "compared-\(comparison.label)", title: "\(comparison.label): \(words.value), by \(words.point)",
                caption: "On \(tasks(comparison)): mean over trainings, \(words.tasks) and seeds; bands are 95 % "
                    + "intervals (percentile bootstrap, "
                    + "\(NumberText.count(Bootstrap.draws(of: comparison.lines.map(\.curves)))) draws)."
                    + shape.smoothing(words),
                words: words,
                series: comparison.lines.enumerated().map { index, line in
                    LineChart.Series(
                        line.name, LineLook(index).role, line.curves.meanCurve(window: shape.window),
                        dash: LineLook(index).dash)
                },
                references: references, leads: position == 0)
        }
    }

    var ends: Report.Table {
        let rows = compared.comparisons.flatMap { comparison in
            comparison.lines.map { line in
                let interval = line.curves.finalInterval
                return [
                    comparison.label, line.run, line.variant.isEmpty ? "–" : line.variant,
                    "\(line.trainings)", "\(line.curves.taskCount)", "\(line.curves.repetitionCount)",
                    line.curves.firstMean.map(text) ?? "–", line.curves.finalMean.map(text) ?? "–",
                    interval.map { "\(text($0.low)) to \(text($0.high))" } ?? "–",
                    line.optimum.flatMap { optimum in
                        line.curves.finalMean.map { NumberText.percent($0 / optimum) }
                    } ?? "–",
                ]
            }
        }
        return Report.Table(
            "What they come to (\(words.finalPoints))",
            columns: [
                "evaluation", "run", "variant", "trainings", words.tasks, "seeds", "first \(words.point)", words.final,
                "95 % interval", "of the optimum",
            ], rows: rows, isWide: true)
    }

    var durations: Report.Table {
        let rows = compared.members.map { member in
            let contents = member.contents
            let phases = contents.phases
            let parts = zip(phases, phases.dropFirst()).map {
                "\($0.name) \(NumberText.duration($1.began - $0.began))"
            }
            let known = Dictionary(contents.provenance.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
            return [
                member.name, contents.run.map { timestamp($0.started) } ?? "–",
                contents.duration.map(NumberText.duration) ?? "–", parts.isEmpty ? "–" : parts.joined(separator: ", "),
                NumberText.count(contents.transitions), known["commit"].map { String($0.prefix(10)) } ?? "–",
                known["processor"] ?? "–",
            ]
        }
        return Report.Table(
            "Runs",
            columns: ["run", "started", "duration", "phases", "transitions recorded", "commit", "processor"],
            rows: rows, isWide: true)
    }

    /// A row for each setting that is not the same in all, as it stands in their experiments.
    var settings: Report.Table {
        let experiments = compared.members.compactMap(\.contents.experiment)
        guard experiments.count == compared.members.count else {
            return Report.Table("Settings that differ", rows: [])
        }
        let values = experiments.map { experiment in
            Dictionary(experiment.settings.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        }
        var keys: [String] = []
        var seen: Set<String> = []
        for experiment in experiments {
            keys += experiment.settings.map(\.key).filter { seen.insert($0).inserted }
        }
        let rows = keys.compactMap { key -> [String]? in
            let row = values.map { $0[key] ?? "–" }
            return Set(row).count > 1 ? [key] + row : nil
        }
        return Report.Table(
            "Settings that differ", columns: ["setting"] + compared.members.map(\.name), rows: rows, isWide: true)
    }

    var remarks: [String] {
        let environments = compared.members.compactMap { member in
            member.contents.experiment.map { "\($0.environment.kind.name) \($0.environment.settings.json(.all))" }
        }
        let differing =
            Set(environments).count > 1
            ? ["The runs' environments are not the same: tasks that are called the same may not be."] : []
        return differing + withoutCommonTasks
    }

    private var withoutCommonTasks: [String] {
        compared.comparisons.filter { $0.commonTasks == nil && $0.lines.count > 1 }.map {
            "Under \($0.label) the runs have no task in common: each line is of its own \(words.tasks)."
        }
    }
}
