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

    /// Jobs of an evaluation whose streams are read for its plot at most, since the coordinator does nothing else
    /// meanwhile: about half a second.
    private static var mostReadJobs: Int { 200 }

    /// The evaluation's curve: of each episode the mean return over its tasks and seeds, those too that an earlier
    /// start of the run has evaluated. A task whose results are both in the catalogue and in the batch counts once.
    /// Episodes are numbered from 0; where tasks have different numbers of them, later means are over fewer streams.
    /// Where a life is one episode it is the mean reward of each step, over some of the tasks where these are many.
    package func evaluationEnded(_ evaluation: String) throws {
        guard onMetrics != nil else { return }
        let written = try ledger.evaluationReturns().filter { $0.evaluation.status == .finished }
        var results: [Int: EvaluationReturns] = [:]
        for result in written + batch.results where result.evaluation.evaluation == evaluation {
            results[result.evaluation.task] = result
        }
        let curves = curves(results.sorted { $0.key < $1.key }.map(\.value))
        for point in 0..<(curves.map(\.count).max() ?? 0) {
            let values = curves.compactMap { point < $0.count ? Double($0[point]) : nil }
            try plot(
                "evaluation/\(evaluation)/mean_\(readCurves == nil ? "return" : "reward")", step: UInt64(point),
                value: values.reduce(0, +) / Double(values.count))
        }
    }

    /// (streams, points)
    private func curves(_ results: [EvaluationReturns]) -> [[Float]] {
        guard let readCurves else { return results.flatMap(\.returns) }
        let distance = max(1, (results.count + Self.mostReadJobs - 1) / Self.mostReadJobs)
        return stride(from: 0, to: results.count, by: distance).flatMap { index in
            (try? readCurves(results[index]))?.returns ?? []
        }
    }
}
