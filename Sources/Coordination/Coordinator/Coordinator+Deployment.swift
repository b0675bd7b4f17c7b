import Experiments
import Nodes
package import Wire

/// Which processes there are to be: the coordinator says how many of each role, supervisors start them, and nodes
/// that no phase needs any more are sent home. Nodes may also be started by hand; they are counted and dismissed in
/// the same way.
extension Coordinator {
    /// How many processes of each role this phase needs; none, and whether and why, when the run is over. Computed
    /// anew each time. Actor processes are as many as `scale` wants, evaluators no more than there are jobs. A recorder
    /// is there while something is recorded.
    package var deployment: Deployment {
        let isOver = isStopping || !failure.isEmpty || phase == .finished
        guard !isOver else {
            return Deployment(processes: [:], finished: true, stopped: phase != .finished, failure: failure)
        }
        let cluster = context.experiment.cluster
        let processes: [RoleName: Int] =
            switch phase {
            case .collecting: [.learner: cluster.learners, .actor: actorTarget.processes, .recorder: 1]
            case .distilling: [.distiller: 1]
            case .evaluating: [.evaluator: min(cluster.evaluators, max(1, jobs.all.count)), .recorder: 1]
            case .finished: [:]
            }
        return Deployment(processes: processes)
    }

    /// Tells the supervisors of the deployment where it is another than they were told last; true where it was. It is
    /// sent as a command, and so again until the supervisor acknowledges it.
    func announceDeployment(now: UInt64, outbox: inout Outbox) -> Bool {
        let current = deployment
        guard current != announced else { return false }
        announced = current
        for name in nodes.members(.supervisor).sorted() {
            commands.send(.deployment(current), to: .peer(name), now: now, outbox: &outbox)
        }
        return true
    }

    /// Roles that this phase does not need, but a later one will: nodes of theirs wait, however early they have
    /// come.
    private var neededLater: Set<RoleName> {
        guard !deployment.finished else { return [] }
        switch phase {
        case .collecting:
            return Set((goal.distils ? [.distiller] : []) + (goal.evaluates ? [.evaluator, .recorder] : []))
        case .distilling: return goal.evaluates ? [.evaluator, .recorder] : []
        case .evaluating, .finished: return []
        }
    }

    /// Sends home the nodes that neither this phase nor a later one needs. Learners and recorders, which take what
    /// others send, go when those have gone.
    func dismiss(now: UInt64, outbox: inout Outbox) {
        let needed = deployment.processes
        let later = neededLater
        let hasProducers =
            !nodes.members(.actor).isEmpty || (!later.contains(.evaluator) && !nodes.members(.evaluator).isEmpty)
        for role in RoleName.allCases where role != .supervisor && needed[role] == nil && !later.contains(role) {
            if hasProducers, role == .learner || role == .recorder { continue }
            for name in nodes.members(role).sorted() where nodes[name]?.isLeaving == false {
                sendHome(name, now: now, outbox: &outbox)
            }
        }
        dismissSurplus(needed[.actor] ?? 0, now: now, outbox: &outbox)
    }

    /// After `scale` has asked for fewer, the supervisor may have had processes on their way: the last that came go
    /// again, once it is sure that none of the others has died unnoticed. Nodes of other hosts stay.
    private func dismissSurplus(_ wanted: Int, now: UInt64, outbox: inout Outbox) {
        guard actorTarget.isScaled, nodes.members(.actor).count > wanted else { return }
        let hosts = Set(nodes.members(.supervisor).compactMap { nodes[$0]?.hello.host })
        let carriers = nodes.staying(.actor).filter { hosts.contains($0.hello.host) }
        for node in carriers.sorted(by: { ($0.joined, $0.hello.name) < ($1.joined, $1.hello.name) }).dropFirst(wanted)
        where now > node.joined + Self.aliveNanoseconds {
            sendHome(node.hello.name, now: now, outbox: &outbox)
        }
    }
}
