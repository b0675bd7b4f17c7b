import Coordination
import Experiments

/// A running cluster is scaled up and down: one goes from one actor process of 25 actors to eight and back, another's
/// elastic lifetime from 10 actors to 200 and back.
package struct ScaleDrill {
    /// What must be 0 after whatever has happened.
    package static let losses = StreamFindings.losses + ["cut_episodes", "restarts", "lifetimes_begun_again"]

    private let seconds: Double

    /// `seconds`: before each change and after the last.
    package init(seconds: Double) { self.seconds = seconds }

    /// A result for each change, and one for each cluster's streams. `folder`: of both runs. Throws where a cluster
    /// ends by itself, or actors do not leave.
    package func carryOut(in folder: String, _ monitor: BenchmarkMonitor) throws -> [BenchmarkResult] {
        try [ScalePlan.processes, .elastic].flatMap { try measure($0, folder: folder + "/" + $0.name, monitor) }
    }

    /// Up and down on one cluster, then what its files say.
    private func measure(_ plan: ScalePlan, folder: String, _ monitor: BenchmarkMonitor) throws -> [BenchmarkResult] {
        let cluster = try ClusterUnderDrill(try plan.experiment(seconds: 4 * seconds), folder: folder, monitor)
        defer { cluster.stop() }
        try cluster.wait { $0.environmentSteps > 0 }
        let scaling = Scaling(cluster, plan, holdSeconds: seconds)
        try scaling.hold()
        var results = try [plan.most, plan.least].map { try scaling.change(to: $0) }
        try scaling.empty()
        cluster.stop()
        let findings = try StreamFindings(of: cluster)
        results.append(
            BenchmarkResult(
                name: "\(plan.name), streams", configuration: [:], rates: [:],
                measured: findings.numbers.merging(
                    ["steps_missing": max(0, scaling.stepsCounted - Double(findings.transitions))]) { $1 }))
        return results
    }
}
