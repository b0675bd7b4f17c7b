package import Coordination
package import Wire

/// Looks for the first proof that another process does the work of one that was killed.
///
/// Counters that a successor has restored prove nothing: what counts is what has been done since it was first seen. The
/// drill makes a watch at each kill and asks it with every status until it says yes.
package struct RecoveryWatch: Sendable {
    /// The role of the process that was killed.
    package let role: RoleName
    /// All processes of the cluster that were there before.
    private let processes: Set<Int>
    /// Updates of each lifetime when a successor of the learner first spoke of it, by learner, lifetime and attempt.
    private var firstUpdates: [String: UInt64] = [:]
    /// Environment steps of each actor process at the first status in which no actors waited for a carrier.
    private var stepsWhenCarried: [String: Double]?

    /// `processes`: process numbers of all nodes as a status told them before the kill; a process with another number is a
    /// successor.
    package init(role: RoleName, processes: Set<Int>) {
        self.role = role
        self.processes = processes
    }

    /// Whether `status`, asked for `seconds` after the kill, shows the work done again. What counts as proof depends on
    /// the role. Of a coordinator: its clock began after the kill, and a lifetime is learnt and acted. Of a learner: a
    /// lifetime has more updates than when the successor first spoke of it. Of a recorder: it has flushed and taken
    /// transitions. Of an evaluator: it has taken steps. Of an actor process: its successor has taken steps, or other
    /// processes have taken up all of its actors and each of them has taken steps since.
    package mutating func isBackAtWork(_ status: ClusterStatus, seconds: Double) -> Bool {
        let successors = status.nodes.filter { $0.role == role && !processes.contains($0.process) }
        switch role {
        case .coordinator: return isCoordinated(status, seconds: seconds)
        case .learner: return hasLearnt(Set(successors.map(\.name)), status)
        // These count what the process itself has done, from 0.
        case .recorder:
            return successors.contains {
                ($0.numbers["flushes"] ?? 0) > 0 && ($0.numbers["transitions"] ?? 0) > 0
            }
        case .evaluator: return successors.contains { ($0.numbers["evaluation_steps"] ?? 0) > 0 }
        default:
            if successors.contains(where: { ($0.numbers["environment_steps"] ?? 0) > 0 }) { return true }
            return !successors.isEmpty && areCarriedByOthers(status)
        }
    }

    /// The answer is of a coordinator that began after the kill, that has leased a lifetime, and that has heard of it
    /// from its learner and from an actor process that steps its environments.
    private func isCoordinated(_ status: ClusterStatus, seconds: Double) -> Bool {
        status.seconds < seconds
            && status.leases.contains { lease in
                lease.updates != nil && lease.parts.contains { $0.phase == "running" }
            }
    }

    /// More updates of a lifetime than when a successor first spoke of it.
    private mutating func hasLearnt(_ successors: Set<String>, _ status: ClusterStatus) -> Bool {
        for lease in status.leases where successors.contains(lease.learner) {
            guard let updates = lease.updates else { continue }
            let name = "\(lease.learner) \(lease.task) \(lease.repetition) \(lease.attempt)"
            if updates > firstUpdates[name, default: updates] { return true }
            firstUpdates[name] = min(updates, firstUpdates[name] ?? updates)
        }
        return false
    }

    /// Other processes may have taken the dead one's actors up before its successor had anything to do: then all of the
    /// carriers have to have taken steps since the first status in which no actors waited for a carrier.
    private mutating func areCarriedByOthers(_ status: ClusterStatus) -> Bool {
        let parts = status.leases.flatMap(\.parts).filter { !$0.isFinished }
        guard !parts.isEmpty, parts.allSatisfy({ !$0.node.isEmpty && $0.phase == "running" }) else {
            stepsWhenCarried = nil
            return false
        }
        let carriers = Set(parts.map(\.node))
        let steps = Dictionary(
            status.nodes.filter { carriers.contains($0.name) }
                .map { ($0.name, $0.numbers["environment_steps"] ?? 0) }, uniquingKeysWith: max)
        guard let before = stepsWhenCarried else {
            stepsWhenCarried = steps
            return false
        }
        return carriers.allSatisfy { steps[$0] ?? 0 > before[$0] ?? 0 }
    }
}
