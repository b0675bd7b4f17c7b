import Experiments
package import Wire

extension Coordinator {
    /// How many processes of each role this phase needs.
    package var deployment: Deployment {
        let isOver = isStopping || !failure.isEmpty || phase == .finished
        guard !isOver else {
            return Deployment(processes: [:], finished: true, stopped: phase != .finished, failure: failure)
        }
        let cluster = context.experiment.cluster
        let processes: [RoleName: Int] =
            switch phase {
            case .collecting: [.learner: cluster.learners, .actor: desiredActorProcesses, .recorder: 1]
            case .distilling: [.distiller: 1]
            case .evaluating: [.evaluator: min(cluster.evaluators, max(1, jobs.count)), .recorder: 1]
            case .finished: [:]
            }
        return Deployment(processes: processes)
    }

    /// True when it is another than before.
    func announceDeployment(now: UInt64, outbox: inout Outbox) -> Bool {
        let current = deployment
        guard current != announced else { return false }
        announced = current
        for name in members(.supervisor).sorted() {
            commands.send(.deployment(current), to: .peer(name), now: now, outbox: &outbox)
        }
        return true
    }

    /// Sends home whom this phase does not need; those who take what others send go last.
    func dismiss(now: UInt64, outbox: inout Outbox) {
        let needed = deployment.processes
        let hasProducers = !members(.actor).isEmpty || !members(.evaluator).isEmpty
        for role in RoleName.allCases where role != .supervisor && needed[role] == nil {
            if hasProducers, role == .learner || role == .recorder { continue }
            for name in members(role).sorted() where nodes[name]?.isLeaving == false {
                sendHome(name, now: now, outbox: &outbox)
            }
        }
    }
}
