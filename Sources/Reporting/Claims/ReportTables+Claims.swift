import Quantities

extension ReportTables {
    /// What the experiment claims, with the verdicts; without rows where it claims nothing.
    func claims(_ judged: [JudgedClaim]) -> Report.Table {
        Report.Table(
            "Claims",
            columns: [
                "claim", "", "compared", "value", "measured", "95 % interval", "verdict", "the paper", "best since",
            ],
            rows: judged.map { claim in
                [
                    claim.name, claim.says, claim.comparison, text(claim.value), text(claim.measured),
                    claim.interval.map { "\(text($0.low)) to \(text($0.high))" } ?? "–",
                    claim.problem.map { "\(claim.verdict.rawValue): \($0)" } ?? claim.verdict.rawValue, claim.paper,
                    claim.best,
                ]
            }, isWide: true)
    }

    /// Shares and scores differ by hundredths.
    private func text(_ value: Double?) -> String { value.map { NumberText.fixed($0, decimals: 3) } ?? "–" }
}
