import Agents

/// What a learner has seen of a lifetime and done with it, since its first attempt: it travels with the learner's
/// state. All but `recorded`, `stale`, `unwanted` and `episodes` are counted by `add`. Counts are transitions unless
/// their name says otherwise.
struct LearningCounts: Codable {
    init() {}

    /// Transitions that came, and those of them that were too stale to learn from.
    var recorded = 0
    var stale = 0
    /// Transitions that the source algorithm left waiting for so long that they were given up; nil where none
    /// was, as in states of before they were counted.
    private var unwanted: Int?
    var episodes = 0
    /// Transitions that updates have learnt from, and, in `diverged`, those whose gradient was not finite.
    private var learnt = 0
    private var diverged = 0
    /// Transitions at which a rollout was cut in mid-episode, where no later rollout went on with the episode.
    private var cut = 0
    /// Sums for the mean policy lag, over the rows that were offered to the source algorithm.
    private var lagTimesRows = 0.0
    private var lagRows = 0
    /// The largest policy lag of a rollout that was offered to the source algorithm, in updates.
    private var maximumLag = 0.0
    /// Sums over the rows learnt from, by the measure's name; nil in the states that have `entropyTimesRows`.
    private var measureTimesRows: [String: Double]? = [:]
    /// The sum of the policy's entropy in states of before there were other measures; nil from the next update on.
    private var entropyTimesRows: Double?

    private var sums: [String: Double] {
        measureTimesRows ?? entropyTimesRows.map { [Measure.policyEntropy.name: $0] } ?? [:]
    }

    /// Counts `rows` transitions that will be learnt from, of a policy `lag` updates old.
    mutating func add(lag: Double, rows: Int) {
        lagTimesRows += lag * Double(rows)
        lagRows += rows
        maximumLag = max(maximumLag, lag)
    }

    /// Counts transitions that were given up.
    mutating func addUnwanted(_ rows: Int) { unwanted = (unwanted ?? 0) + rows }

    /// Counts what an update has made of its rollouts.
    mutating func add(_ report: UpdateReport) {
        learnt += report.learntRows
        diverged += report.divergedRows
        cut += report.cutRows
        var sums = sums
        for (measure, mean) in report.measures { sums[measure.name, default: 0] += mean * Double(report.learntRows) }
        (measureTimesRows, entropyTimesRows) = (sums, nil)
    }

    /// By the names that reports, `status` and the catalogue know. Means are over all transitions so far.
    var numbers: [String: Double] {
        var numbers: [String: Double] = [
            "transitions": Double(recorded), "transitions_learnt": Double(learnt), "transitions_stale": Double(stale),
            "transitions_unwanted": Double(unwanted ?? 0), "transitions_diverged": Double(diverged),
            "transitions_cut": Double(cut), "episodes": Double(episodes),
            "mean_policy_lag": lagRows == 0 ? 0 : lagTimesRows / Double(lagRows), "maximum_policy_lag": maximumLag,
        ]
        // A measure of a lifetime that has not learnt, or of an algorithm that does not tell it, is not known.
        for (name, sum) in sums where learnt > 0 { numbers["mean_\(name)"] = sum / Double(learnt) }
        return numbers
    }
}
