import Agents

/// What a learner has seen and done with it.
struct LearningCounts: Codable {
    /// Transitions that came, and those of them that were too stale to learn from.
    var recorded = 0
    var stale = 0
    var episodes = 0
    private var learnt = 0
    private var diverged = 0
    /// Transitions at which a rollout was cut in mid-episode and whose episode nothing went on with.
    private var cut = 0
    private var lagTimesRows = 0.0
    private var lagRows = 0
    /// Of the rollouts learnt from, in updates.
    private var maximumLag = 0.0
    private var entropyTimesRows = 0.0

    mutating func add(lag: Double, rows: Int) {
        lagTimesRows += lag * Double(rows)
        lagRows += rows
        maximumLag = max(maximumLag, lag)
    }

    mutating func add(_ report: UpdateReport) {
        learnt += report.learntRows
        diverged += report.divergedRows
        cut += report.cutRows
        entropyTimesRows += report.entropy * Double(report.learntRows)
    }

    var numbers: [String: Double] {
        [
            "transitions": Double(recorded), "transitions_learnt": Double(learnt), "transitions_stale": Double(stale),
            "transitions_diverged": Double(diverged), "transitions_cut": Double(cut), "episodes": Double(episodes),
            "mean_policy_lag": lagRows == 0 ? 0 : lagTimesRows / Double(lagRows), "maximum_policy_lag": maximumLag,
            "mean_policy_entropy": learnt == 0 ? 0 : entropyTimesRows / Double(learnt),
        ]
    }
}
