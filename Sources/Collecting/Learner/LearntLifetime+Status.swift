import Agents
import Nodes
import Quantities
import Wire

/// How a lifetime stands, for heartbeats, `status` and the catalogue.
extension LearntLifetime {
    /// What was counted of it.
    var numbers: [String: Double] { state.counts.numbers }

    /// Which node learning waits for, and what is missing; `whom` is empty where it is not one node alone. Nil
    /// where nothing is missing.
    var missing: (whom: String, what: String)? {
        guard !hasEnded else { return nil }
        guard hasBegun else {
            return ("", "\(lease.actors - joinedActors.count) of \(lease.actors) actors of \(lease.lifetime) to join")
        }
        let late = parts.values.filter { $0.answered == $0.batch }.sorted {
            $0.actors.lowerBound < $1.actors.lowerBound
        }
        guard let first = late.first, late.count < parts.count || late.count == 1 else {
            return ("", "rollouts of \(lease.lifetime)")
        }
        let actors = late.map { NumberText.range($0.actors) }.joined(separator: ", ")
        return (late.count == 1 ? "\(first.address)" : "", "rollouts of actors \(actors) of \(lease.lifetime)")
    }

    /// Mean of the last finished episodes; nil before the first. Over at most ten episodes for each actor that the
    /// lifetime began with.
    private var recentReturn: Double? {
        state.recent.isEmpty ? nil : state.recent.reduce(0, +) / Double(state.recent.count)
    }

    /// What heartbeats tell of the lifetime; the coordinator also plots curves from it.
    var report: LearningReport {
        let numbers = state.counts.numbers
        return LearningReport(
            lifetime: lease.lifetime, updates: learner.version, transitions: UInt64(state.counts.recorded),
            episodes: UInt64(state.counts.episodes), meanPolicyLag: numbers["mean_policy_lag"] ?? 0,
            maximumPolicyLag: numbers["maximum_policy_lag"] ?? 0, recentReturn: recentReturn ?? 0,
            recentEpisodes: UInt64(state.recent.count))
    }

    /// What the coordinator is told at the end of the lifetime, and writes into the catalogue.
    var summary: [String: Double] {
        var numbers = state.counts.numbers
        numbers["updates"] = Double(learner.version)
        numbers["final_return"] = recentReturn
        numbers["episodes_per_actor"] = Double(state.progress.longestLife)
        return numbers
    }
}
