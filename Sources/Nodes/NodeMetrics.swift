package import Monitoring
import Wire

/// What a node shows to monitoring: the numbers of its heartbeats under names that Prometheus takes.
package enum NodeMetrics {
    /// The metric of each number of a role. Numbers that are not here are shown by `status` alone.
    private static let families: [String: Metric] = Dictionary(
        uniqueKeysWithValues: [
            ("environment_steps", .counter, "environment_steps_total", "Environment steps of this process's actors."),
            ("actors", .gauge, "actors", "Actors that this process carries."),
            ("unanswered_rollouts", .gauge, "unanswered_rollouts", "Rollouts that the learner has not answered."),
            (
                "unanswered_limit", .gauge, "unanswered_rollouts_limit",
                "Rollouts that may wait for the learner's answer."
            ),
            ("unacknowledged_bytes", .gauge, "unacknowledged_bytes", "Rollouts that are not known to be on the disk."),
            (
                "unacknowledged_limit_bytes", .gauge, "unacknowledged_limit_bytes",
                "Rollouts that may wait for the disk before actors do."
            ),
            ("failed_environments", .counter, "failed_environments_total", "Environments that have failed."),
            ("lifetimes", .gauge, "lifetimes", "Lifetimes that this process learns."),
            ("transitions", .gauge, "transitions", "Transitions that this process has taken of what it holds."),
            ("transitions_learnt", .gauge, "transitions_learnt", "Transitions that were learnt from."),
            ("transitions_stale", .gauge, "transitions_stale", "Transitions that came too late to learn from."),
            (
                "mean_policy_lag", .gauge, "policy_lag_mean_updates",
                "Updates that acting is behind learning, in the mean."
            ),
            ("maximum_policy_lag", .gauge, "policy_lag_maximum_updates", "The same, at most."),
            ("open_streams", .gauge, "open_streams", "Streams that are being written."),
            ("unflushed_bytes", .gauge, "unflushed_bytes", "What is to be written yet."),
            ("disk_free_bytes", .gauge, "disk_free_bytes", "Free space where streams are written."),
            ("steps", .gauge, "optimiser_steps", "Steps of the distillation that is under way."),
            ("loss", .gauge, "loss_nats", "Its mean loss over the last steps, a prediction."),
            (
                "loss_floor", .gauge, "loss_floor_nats",
                "The entropy of the sources' policies, below which it cannot come."
            ),
            ("state_error", .gauge, "state_error", "How far its pictures' embeddings are from their states, squared."),
            ("learning_rate", .gauge, "learning_rate", "Its present learning rate."),
            ("gradient_norm", .gauge, "gradient_norm", "The norm of its last gradient, before clipping."),
            ("tokens_per_second", .gauge, "training_tokens_per_second", "Tokens that it trains on."),
            ("progress", .gauge, "training_progress_ratio", "The share of its training that is done."),
            ("evaluation_steps", .counter, "evaluation_steps_total", "Environment steps of evaluations."),
            ("jobs", .counter, "evaluation_jobs_total", "Jobs of evaluations that this process has done."),
            ("refused_messages", .counter, "refused_messages_total", "Messages that were refused."),
            ("refused_connections", .counter, "refused_connections_total", "Connections that were refused."),
            ("dropped_messages", .counter, "dropped_messages_total", "Messages that found no room."),
            ("resident_bytes", .gauge, "resident_memory_bytes", "Memory of this process that is resident."),
        ].map { (number: String, kind: Metric.Kind, name: String, help: String) in
            (number, Metric("distillery_\(name)", kind, help))
        })

    /// Every name that a node may show.
    package static var names: Set<String> {
        Set(
            families.values.map(\.name) + [
                "distillery_node_info", "distillery_node_joined", "distillery_waiting_seconds",
            ])
    }

    /// The families of such numbers, in the order of their names.
    package static func metrics(of numbers: [String: Double]) -> [Metric] {
        numbers.compactMap { name, value in
            families[name].map { Metric($0.name, $0.kind, $0.help, value) }
        }.sorted { $0.name < $1.name }
    }

    /// A node's whole page. `isJoined`: the coordinator has taken it in.
    static func page(_ hello: Hello, isJoined: Bool, numbers: [String: Double], waiting: Waiting?) -> [Metric] {
        var info = Metric("distillery_node_info", .gauge, "Always 1; the labels say which node this is.")
        info.add(
            1, .init("role", hello.role.rawValue), .init("node", hello.name), .init("version", softwareVersion))
        return [
            info,
            Metric(
                "distillery_node_joined", .gauge, "Whether the coordinator has taken this node in.", isJoined ? 1 : 0),
            Metric(
                "distillery_waiting_seconds", .gauge, "How long this node has waited for another.",
                Double(waiting?.milliseconds ?? 0) * 1e-3),
        ] + metrics(of: numbers)
    }
}
