import Catalog
import Quantities

extension ReportTables {
    /// How good the prompts were that evaluations began with, beside how the models began and ended; nil where none had
    /// one.
    var prompts: Report.Table? {
        var rows: [[String]] = []
        for label in evaluations.labels {
            for variant in evaluations.variants {
                guard let pooled = evaluations.pooled(variant, label), let prompts = prompts(variant, label) else {
                    continue
                }
                let curves = pooled.curves
                rows.append([
                    label, variant.isEmpty ? "in context" : variant, prompts.asked, prompts.meanReturn, prompts.share,
                    prompts.range, text(curves.firstMean), text(curves.finalMean),
                ])
            }
        }
        return Report.Table(
            "Prompts",
            columns: [
                "evaluation", "variant", "asked for", "prompt's mean return", "of the optimum", "by task",
                "first \(words.point)", "\(words.final)",
            ],
            rows: rows, isWide: true)
    }

    private typealias Told = (asked: String, meanReturn: String, share: String, range: String)

    /// Over the tasks that a variant was evaluated on; its trainings begin with the same.
    private func prompts(_ variant: String, _ label: String) -> Told? {
        guard let member = evaluations.members(variant, label).first else { return nil }
        let found = contents.prompts(of: member)
        guard let first = found.first else { return nil }
        let returns = found.map(\.meanReturn)
        let shares = found.compactMap { prompt in
            contents.task(prompt.task)?.optimalReturn.flatMap { $0 > 0 ? prompt.meanReturn / $0 : nil }
        }
        let share = shares.reduce(0, +) / Double(max(1, shares.count))
        return (
            first.quality.map { NumberText.percent($0) } ?? "–", text(average(returns[...])),
            shares.isEmpty ? "–" : NumberText.percent(share),
            "\(text(returns.min())) to \(text(returns.max()))"
        )
    }

    /// Which stretch each task began with.
    var promptsByTask: Report.Table? {
        Report.Table(
            "Prompts by task", columns: ["evaluation", "task", "stream", "rows", "mean return"],
            rows: contents.prompts.map {
                [
                    $0.evaluation, "\($0.task)", $0.stream, "\($0.rows.lowerBound) to \($0.rows.upperBound - 1)",
                    text($0.meanReturn),
                ]
            }, isFolded: true)
    }

    private func text(_ value: Double?) -> String { value.map { NumberText.fixed($0, decimals: 2) } ?? "–" }
}
