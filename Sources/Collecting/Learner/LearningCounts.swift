import Agents

/// What a learner has seen of a lifetime and done with it, since its first attempt: it travels with the learner's
/// state. All but `recorded`, `stale`, `unwanted` and `episodes` are counted by `add`. Counts are transitions unless
/// their name says otherwise.
struct LearningCounts: Codable {
    init() {}

    /// Transitions that came, and those of them that were too stale to learn from.
    var recorded = 0
    var stale = 0
    /// Transitions that the source algorithm left waiting for so long that they were given up.
    var unwanted = 0
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
    /// Sums over the rows learnt from, by the measure's name. A state that is older than other measures holds the
    /// policy's entropy alone, under a name of its own.
    private var measureTimesRows: [String: Double] = [:]

    /// Counts `rows` transitions that will be learnt from, of a policy `lag` updates old.
    mutating func add(lag: Double, rows: Int) {
        lagTimesRows += lag * Double(rows)
        lagRows += rows
        maximumLag = max(maximumLag, lag)
    }

    /// Counts what an update has made of its rollouts.
    mutating func add(_ report: UpdateReport) {
        learnt += report.learntRows
        diverged += report.divergedRows
        cut += report.cutRows
        for (measure, mean) in report.measures {
            measureTimesRows[measure.name, default: 0] += mean * Double(report.learntRows)
        }
    }

    /// By the names that reports, `status` and the catalogue know. Means are over all transitions so far.
    var numbers: [String: Double] {
        var numbers: [String: Double] = [
            "transitions": Double(recorded), "transitions_learnt": Double(learnt), "transitions_stale": Double(stale),
            "transitions_unwanted": Double(unwanted), "transitions_diverged": Double(diverged),
            "transitions_cut": Double(cut), "episodes": Double(episodes),
            "mean_policy_lag": lagRows == 0 ? 0 : lagTimesRows / Double(lagRows), "maximum_policy_lag": maximumLag,
        ]
        // A measure of a lifetime that has not learnt, or of an algorithm that does not tell it, is not known.
        for (name, sum) in measureTimesRows where learnt > 0 { numbers["mean_\(name)"] = sum / Double(learnt) }
        return numbers
    }
}

extension LearningCounts {
    private enum CodingKeys: String, CodingKey {
        case recorded, stale, unwanted, episodes, learnt, diverged, cut, lagTimesRows, lagRows, maximumLag,
            measureTimesRows
        case entropyTimesRows
    }

    /// Reads states of earlier versions, too: they lack `unwanted`, and have one measure, the policy's entropy.
    init(from decoder: any Decoder) throws {
        let saved = try decoder.container(keyedBy: CodingKeys.self)
        recorded = try saved.decode(Int.self, forKey: .recorded)
        stale = try saved.decode(Int.self, forKey: .stale)
        // A state of before has none.
        unwanted = try saved.decodeIfPresent(Int.self, forKey: .unwanted) ?? 0
        episodes = try saved.decode(Int.self, forKey: .episodes)
        learnt = try saved.decode(Int.self, forKey: .learnt)
        diverged = try saved.decode(Int.self, forKey: .diverged)
        cut = try saved.decode(Int.self, forKey: .cut)
        lagTimesRows = try saved.decode(Double.self, forKey: .lagTimesRows)
        lagRows = try saved.decode(Int.self, forKey: .lagRows)
        maximumLag = try saved.decode(Double.self, forKey: .maximumLag)
        if let entropy = try saved.decodeIfPresent(Double.self, forKey: .entropyTimesRows) {
            measureTimesRows[Measure.policyEntropy.name] = entropy
        } else {
            measureTimesRows = try saved.decode([String: Double].self, forKey: .measureTimesRows)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var saved = encoder.container(keyedBy: CodingKeys.self)
        try saved.encode(recorded, forKey: .recorded)
        try saved.encode(stale, forKey: .stale)
        try saved.encode(unwanted, forKey: .unwanted)
        try saved.encode(episodes, forKey: .episodes)
        try saved.encode(learnt, forKey: .learnt)
        try saved.encode(diverged, forKey: .diverged)
        try saved.encode(cut, forKey: .cut)
        try saved.encode(lagTimesRows, forKey: .lagTimesRows)
        try saved.encode(lagRows, forKey: .lagRows)
        try saved.encode(maximumLag, forKey: .maximumLag)
        try saved.encode(measureTimesRows, forKey: .measureTimesRows)
    }
}
