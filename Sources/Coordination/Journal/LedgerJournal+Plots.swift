import Catalog

/// What goes into the event files beside the metrics that the catalogue holds.
extension LedgerJournal {
    /// Nothing of it reaches the catalogue.
    package func plot(_ name: String, step: UInt64, value: Double) throws { try onMetrics?(name, step, value) }

    /// Plots what the learner of an ended lifetime has said at its end, over the number of lifetimes that have ended.
    func plotEnd(_ numbers: [String: Double]) throws {
        let ended = UInt64(lifetimes.values.count { $0.status == .finished })
        for name in ["final_return", "mean_policy_lag"] {
            if let value = numbers[name] { try plot("lifetimes/\(name)", step: ended, value: value) }
        }
    }

    /// The evaluation's curve: of each episode the mean return over its tasks and seeds, those too that an earlier
    /// start of the run has evaluated. A task whose results are both in the catalogue and in the batch counts once.
    /// Episodes are numbered from 0; where tasks have different numbers of them, later means are over fewer streams.
    package func evaluationEnded(_ evaluation: String) throws {
        guard onMetrics != nil else { return }
        let written = try ledger.evaluationReturns().filter { $0.evaluation.status == .finished }
        var results: [Int: EvaluationReturns] = [:]
        for result in written + batch.results where result.evaluation.evaluation == evaluation {
            results[result.evaluation.task] = result
        }
        let streams = results.values.flatMap(\.returns)
        for episode in 0..<(streams.map(\.count).max() ?? 0) {
            let returns = streams.compactMap { episode < $0.count ? Double($0[episode]) : nil }
            try plot(
                "evaluation/\(evaluation)/mean_return", step: UInt64(episode),
                value: returns.reduce(0, +) / Double(returns.count))
        }
    }
}
