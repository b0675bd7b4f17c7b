package import Monitoring
import Nodes
import Wire

extension ClusterStatus {
    /// What the coordinator shows to monitoring: sums and extremes over its nodes, whatever their number, so that a page
    /// has about a hundred lines in a cluster of any size. Each node shows its own numbers itself.
    package var metrics: [Metric] {
        var info = Metric(
            "distillery_run_info", .gauge, "Always 1; the labels say which run this is, and where it stands.")
        info.add(1, .init("run", run), .init("phase", phase.rawValue), .init("version", softwareVersion))
        return [
            info,
            Metric("distillery_run_failed", .gauge, "Whether the run has failed.", failure.isEmpty ? 0 : 1),
            Metric("distillery_run_seconds", .gauge, "Seconds since the coordinator began.", seconds),
        ] + nodeMetrics + collectionMetrics + planMetrics + distillationMetrics + NodeMetrics.metrics(of: numbers)
    }

    private var nodeMetrics: [Metric] {
        var count = Metric("distillery_nodes", .gauge, "Nodes that have joined and not left.")
        var memory = Metric("distillery_nodes_resident_memory_bytes", .gauge, "Resident memory of all nodes of a role.")
        var silence = Metric("distillery_longest_silence_seconds", .gauge, "The longest silence of a node of a role.")
        for (role, nodes) in Dictionary(grouping: nodes, by: \.role).sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let label = Metric.Label("role", role.rawValue)
            count.add(Double(nodes.count), label)
            memory.add(nodes.reduce(0) { $0 + ($1.numbers["resident_bytes"] ?? 0) }, label)
            silence.add(Double(nodes.map(\.silentMilliseconds).max() ?? 0) * 1e-3, label)
        }
        return [
            count, memory, silence,
            Metric(
                "distillery_longest_wait_seconds", .gauge, "The longest wait of a node, or of the run.",
                waits.first?.seconds ?? 0),
            Metric(
                "distillery_nodes_given_up", .gauge, "Nodes that were given up within the last five minutes.",
                Double(givenUp?.count ?? 0)),
        ]
    }

    private var collectionMetrics: [Metric] {
        var lifetimeCount = Metric(
            "distillery_run_lifetimes", .gauge, "Lifetimes of the run, by what has become of them.")
        lifetimeCount.add(Double(lifetimes.queued), .init("state", "queued"))
        lifetimeCount.add(Double(lifetimes.running), .init("state", "running"))
        lifetimeCount.add(Double(lifetimes.finished), .init("state", "finished"))
        let lags = leases.compactMap(\.meanPolicyLag)
        return [
            lifetimeCount,
            Metric(
                "distillery_run_environment_steps_total", .counter,
                "Environment steps of all actors since this coordinator began.", environmentSteps),
            Metric(
                "distillery_run_policy_lag_mean_updates", .gauge,
                "Updates that acting is behind learning: the mean over the lifetimes under way.",
                lags.isEmpty ? nil : lags.reduce(0, +) / Double(lags.count)),
            Metric(
                "distillery_run_policy_lag_maximum_updates", .gauge, "The same, at most.",
                leases.compactMap(\.maximumPolicyLag).max()),
            Metric(
                "distillery_quarantined_streams", .gauge, "Streams whose files were damaged and moved aside.",
                Double(quarantined.count)),
        ]
    }

    private var planMetrics: [Metric] {
        var jobCount = Metric(
            "distillery_run_evaluation_jobs", .gauge, "Jobs of evaluations, by what has become of them.")
        jobCount.add(Double(jobs.total - jobs.finished - jobs.running), .init("state", "waiting"))
        jobCount.add(Double(jobs.running), .init("state", "running"))
        jobCount.add(Double(jobs.finished), .init("state", "finished"))
        var items = Metric("distillery_plan_items", .gauge, "Items of the plan of work, by kind and state.")
        for (kind, members) in Dictionary(grouping: plan ?? [], by: \.kind).sorted(by: {
            $0.key.rawValue < $1.key.rawValue
        }) {
            for state in PlanItem.State.allCases {
                items.add(
                    Double(members.count { $0.state == state }), .init("kind", kind.rawValue),
                    .init("state", state.rawValue))
            }
        }
        return [jobCount, items]
    }

    /// Of the distillation that `status` shows.
    private var distillationMetrics: [Metric] {
        [
            Metric(
                "distillery_distillation_steps", .gauge, "Steps of the distillation that is shown.",
                Double(distillationStep)),
            Metric(
                "distillery_distillation_loss_nats", .gauge, "Its mean loss over the last steps, a prediction.",
                distillation["loss"]),
            Metric(
                "distillery_distillation_loss_floor_nats", .gauge, "The entropy of the sources' policies.",
                distillation["loss_floor"]),
            Metric(
                "distillery_distillation_tokens_per_second", .gauge, "Tokens that it trains on.",
                distillation["tokens_per_second"]),
        ]
    }
}
