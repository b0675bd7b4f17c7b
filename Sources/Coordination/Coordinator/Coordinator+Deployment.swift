import Experiments
import Nodes
package import Wire

/// Which processes there are to be: the coordinator says how many of each role, supervisors start them, and nodes
/// that nothing of the plan needs any more are sent home. Nodes may also be started by hand; they are counted and dismissed in
/// the same way.
extension Coordinator {
    /// How many processes of each role a supervisor's machine is to have; none, and whether and why, when the run is over.
    /// Computed anew each time. Actor processes are as many as `scale` wants, distillers and evaluators no more than there
    /// is to distil and to evaluate. Recorders are there while something is recorded.
    ///
    /// Evaluators wait until nothing is left to be distilled, although they may have jobs before: they would take the
    /// processors that a training counts on. Evaluators of other machines get these jobs.
    package var deployment: Deployment {
        guard !isOver else {
            return Deployment(processes: [:], finished: true, stopped: phase != .finished, failure: failure)
        }
        let cluster = context.experiment.cluster
        var processes: [RoleName: Int] = [:]
        if phase == .collecting {
            processes = [.learner: cluster.learners, .actor: actorTarget.processes, .recorder: cluster.recorders]
        }
        let open = goal.distils ? distillations.all.count { !$0.isEnded && canBegin($0) } : 0
        if open > 0 { processes[.distiller] = min(cluster.distillers, open) }
        if phase == .evaluating {
            processes[.evaluator] = min(cluster.evaluators, max(1, jobs.all.count))
            processes[.recorder] = cluster.recorders
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

    /// Nothing more is given out.
    private var isOver: Bool { isStopping || !failure.isEmpty || phase == .finished }

    /// Whether there is, or will be, something to do for nodes of this role: they wait for it, however early they have
    /// come.
    func isNeeded(_ role: RoleName) -> Bool {
        guard !isOver else { return false }
        switch role {
        case .supervisor, .coordinator: return true
        case .actor, .learner: return phase == .collecting
        case .distiller: return goal.distils && !distillations.areEnded
        case .evaluator: return goal.evaluates && phase != .finished
        case .recorder: return phase == .collecting || isNeeded(.evaluator)
        }
    }

    /// Why an actor process leaves that `scale` has made one too many.
    static let fewerActors = "fewer actors are wanted now (distillery scale)"

    /// Why nodes of this role are not needed, in words for their logs.
    private func farewell(for role: RoleName) -> String {
        if isStopping { return "the run is stopped" }
        if !failure.isEmpty { return "the run has failed: \(failure)" }
        switch role {
        case .actor, .learner:
            return goal.collects ? "all histories are collected" : "this run collects no histories"
        case .distiller: return goal.distils ? "everything is distilled" : "this run distils nothing"
        case .evaluator: return goal.evaluates ? "everything is evaluated" : "this run evaluates nothing"
        case .recorder, .coordinator, .supervisor: return "everything is recorded"
        }
    }

    /// Sends home the nodes that have nothing to do any more, now or later. Learners and recorders, which take what
    /// others send, go when those have gone.
    func dismiss(now: UInt64, outbox: inout Outbox) {
        let hasProducers =
            !nodes.members(.actor).isEmpty || (!isNeeded(.evaluator) && !nodes.members(.evaluator).isEmpty)
        for role in RoleName.allCases where !isNeeded(role) {
            if hasProducers, role == .learner || role == .recorder { continue }
            for name in nodes.members(role).sorted() where nodes[name]?.isLeaving == false {
                sendHome(name, because: farewell(for: role), now: now, outbox: &outbox)
            }
        }
        dismissRetired(now: now, outbox: &outbox)
        dismissSurplus(deployment.processes[.actor] ?? 0, now: now, outbox: &outbox)
    }

    /// After `scale` has asked for fewer, the supervisor may have had processes on their way: the last that came go
    /// again, once it is sure that none of the others has died unnoticed. Nodes of other hosts stay.
    private func dismissSurplus(_ wanted: Int, now: UInt64, outbox: inout Outbox) {
        guard actorTarget.isScaled, nodes.members(.actor).count > wanted else { return }
        let hosts = Set(nodes.members(.supervisor).compactMap { nodes[$0]?.hello.host })
        let carriers = nodes.staying(.actor).filter { hosts.contains($0.hello.host) }
        for node in carriers.sorted(by: { ($0.joined, $0.hello.name) < ($1.joined, $1.hello.name) }).dropFirst(wanted)
        where now > node.joined + Self.aliveNanoseconds {
            sendHome(node.hello.name, because: Self.fewerActors, now: now, outbox: &outbox)
        }
    }
}
