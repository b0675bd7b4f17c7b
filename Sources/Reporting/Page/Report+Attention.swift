package import Distillation
import Quantities

extension Report {
    /// A page of what a model attends to: a picture of each decision, and where attention goes on average.
    ///
    /// `checkpoint` and `stream` are told as they are.
    package init(attention: StreamAttention, checkpoint: String, stream: String) {
        let summary = AttentionSummary(attention)
        func percent(_ share: AttentionSummary.Share) -> String { NumberText.percent(share.attention) }
        func even(_ share: AttentionSummary.Share) -> String { "\(NumberText.percent(share.uniform)) if it were even" }
        let mean = summary.mean
        let count = summary.decisions.count
        let decisions = count == 1 ? "one decision" : "\(NumberText.count(count)) decisions"
        self.init(
            title: "Attention", subtitle: "\(checkpoint) on \(stream)",
            summary: "Of all attention \(percent(mean.earlierEpisodes)) reaches back before the episode at hand; "
                + "\(percent(mean.rewards)) is on rows that show a reward and \(percent(mean.episodeStarts)) on rows that "
                + "begin an episode. Means over all heads and \(decisions).",
            highlights: [
                Highlight("Earlier episodes", percent(mean.earlierEpisodes), even(mean.earlierEpisodes)),
                Highlight("Rows with a reward", percent(mean.rewards), even(mean.rewards)),
                Highlight("Begins of episodes", percent(mean.episodeStarts), even(mean.episodeStarts)),
            ],
            sections: Self.pictures(of: attention) { "Row \($0)" }, tables: [Self.table(of: summary)])
        tablesTitle = "Where attention goes"
    }

    /// A section for each decision, with a title by its row.
    static func pictures(of attention: StreamAttention, title: (_ row: Int) -> String) -> [Section] {
        attention.decisions.enumerated().map { index, decision in
            Section(title(decision.row), "", [AttentionChart(attention, decision: index)], leadsWide: true)
        }
    }

    static func table(of summary: AttentionSummary) -> Table {
        func text(_ share: AttentionSummary.Share) -> String {
            "\(NumberText.percent(share.attention)) (\(NumberText.percent(share.uniform)))"
        }
        func row(_ name: String, _ head: AttentionSummary.Head) -> [String] {
            [name, text(head.earlierEpisodes), text(head.rewards), text(head.episodeStarts)]
                + (0..<Self.shownEpisodes).map { back in
                    head.byEpisodesBack.indices.contains(back) ? text(head.byEpisodesBack[back]) : "–"
                }
        }
        return Table(
            "Shares of attention, beside those of even attention",
            columns: ["", "earlier episodes", "with a reward", "first of an episode"]
                + (0..<Self.shownEpisodes).map { $0 == 0 ? "own episode" : "\($0) back" },
            rows: [row("all heads", summary.mean)]
                + summary.byHead.map { row("layer \($0.layer), head \($0.head)", $0.attention) }, isWide: true)
    }

    /// Distances that the table has; all are in the CSV file.
    private static let shownEpisodes = 5
}
