import Wire

/// How collecting goes, for plots.
extension Coordinator {
    /// In the catalogue, too: by its steps a later start of the run knows where the curves end.
    static let collectingSpeed = "collect/environment_steps_per_second"

    /// At most every 10 s while histories are collected: speed, policy lag and returns of the lifetimes that are learnt
    /// now, over the environment steps of this and of earlier starts of the run.
    func plotCollecting(now: UInt64) throws {
        guard phase == .collecting, let step = speed.plotStep(now: now) else { return }
        try journal.metrics(
            "collect", Metrics(step: step, numbers: ["environment_steps_per_second": speed.perSecond]))
        let reports = nodes.values.flatMap { node in
            node.heartbeat.learning.filter {
                lifetimes[$0.lifetime]?.learner == node.hello.name && $0.transitions > 0
            }
        }
        guard !reports.isEmpty else { return }
        let weight = reports.reduce(0.0) { $0 + Double($1.transitions) }
        try journal.plot(
            "collect/mean_policy_lag", step: step,
            value: reports.reduce(0.0) { $0 + $1.meanPolicyLag * Double($1.transitions) } / weight)
        try journal.plot(
            "collect/maximum_policy_lag", step: step, value: reports.map(\.maximumPolicyLag).max() ?? 0)
        try plotReturns(reports.filter { $0.recentEpisodes > 0 }, step: step)
    }

    /// Every lifetime counts alike, however many actors it has. The value is the mean of the lifetimes' mean returns
    /// over their last episodes.
    private func plotReturns(_ reports: [LearningReport], step: UInt64) throws {
        guard !reports.isEmpty else { return }
        try journal.plot(
            "collect/mean_return", step: step,
            value: reports.reduce(0.0) { $0 + $1.recentReturn } / Double(reports.count))
    }
}
