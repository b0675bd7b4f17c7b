extension Experiment {
    /// Throws `PlanError` when a run of this experiment starts more processes at once than a machine has room for:
    /// before the first of them starts, rather than when the last one fails. `collects` and `evaluates` say which
    /// phases the run has; each of them is checked by itself.
    /// `reason`: what allows no more than `room`, in words for the error.
    package func checkProcesses(
        collects: Bool, distils: Bool = false, evaluates: Bool, room: Int, reason: String
    ) throws(PlanError) {
        // A coordinator and the recorders are there in both phases.
        let always = 1 + cluster.recorders
        let recorders = cluster.recorders == 1 ? "a recorder" : "\(cluster.recorders) recorders"
        if collects, always + cluster.learners + cluster.actorProcesses > room {
            throw PlanError(
                description: "too many processes: cluster.actor_processes and cluster.learners ask for "
                    + "\(cluster.actorProcesses) and \(cluster.learners), but with a coordinator and \(recorders) this machine "
                    + "has room for \(room) (\(reason)); fewer processes can carry as many actors each as they have to "
                    + "(cluster.actors_per_process)")
        }
        if distils, 1 + cluster.distillers > room {
            throw PlanError(
                description:
                    "too many processes: cluster.distillers asks for \(cluster.distillers), but with a coordinator this "
                    + "machine has room for \(room) (\(reason))")
        }
        if evaluates, always + cluster.evaluators > room {
            throw PlanError(
                description:
                    "too many processes: cluster.evaluators asks for \(cluster.evaluators), but with a coordinator "
                    + "and \(recorders) this machine has room for \(room) (\(reason))")
        }
    }
}
