import Experiments
import Wire

/// Whether anything moves in the run, and what is said and done when nothing does. It is the last of the
/// safeguards: whatever went wrong, and however each part of it looks healthy, a run does not stand still unnoticed
/// for ever.
extension Coordinator {
    /// Without movement for so long `status` says what the run lacks, or who should be moving.
    static let noticeableStillnessNanoseconds: UInt64 = 10_000_000_000
    /// Nodes that are named when nothing moves.
    private static let namedNodes = 3

    /// For how long nothing has moved; 0 where nothing has to.
    func stillness(now: UInt64) -> UInt64 {
        guard !isStopping, failure.isEmpty, phase != .finished else { return 0 }
        return movement.stillness(now: now)
    }

    /// Who should be moving and what they said last, where nothing has moved and the run is known to lack nothing else.
    func lackOfMovement(now: UInt64, after: UInt64) -> Lack? {
        guard !isStopping, failure.isEmpty, phase != .finished, stillness(now: now) >= after else { return nil }
        return Lack(kind: .movement, why: "something to move: \(lastWords(now: now))")
    }

    /// A run in which nothing has moved for the time of its settings is over. Everything that is on the disk stays:
    /// `--resume` goes on with it.
    func endIfStalled(now: UInt64) {
        guard let minutes = context.experiment.cluster.stallMinutes,
            Double(stillness(now: now)) * 1e-9 >= minutes * 60
        else { return }
        isStalled = true
        let lacks = findLacks(now: now, after: 0).map {
            [$0.whom, $0.why].filter { !$0.isEmpty }.joined(separator: ": ")
        }
        fail(
            "nothing has moved for \(stillness(now: now) / 1_000_000_000) s (cluster.stall_minutes); the run waits for "
                + lacks.joined(separator: "; and for ") + "; --resume goes on with what there is")
    }

    /// What the nodes that should be moving said last, at most three of them, those first that do not even say that
    /// they wait.
    private func lastWords(now: UInt64) -> String {
        let movers = nodes.values.filter { shouldMove($0) }.sorted {
            ($0.isWaiting ? 1 : 0, $0.hello.name) < ($1.isWaiting ? 1 : 0, $1.hello.name)
        }
        guard !movers.isEmpty else { return "no node has anything to do in this phase, \(phase.rawValue)" }
        let words = movers.prefix(Self.namedNodes).map { "\($0.hello.name) \(lastWord(of: $0, now: now))" }
        let others = movers.count - words.count
        return words.joined(separator: "; ") + (others > 0 ? "; and \(others) more" : "")
    }

    /// Whether the node holds something that is to be done.
    private func shouldMove(_ node: ConnectedNode) -> Bool {
        let name = node.hello.name
        switch node.hello.role {
        case .actor: return lifetimes.leased.contains { lifetimes[$0]?.parts.contains { $0.node == name } ?? false }
        case .learner: return lifetimes.leased.contains { lifetimes[$0]?.learner == name }
        case .recorder: return !seals.areComplete
        case .distiller: return distillations.holders.contains(name)
        case .evaluator: return jobs.isBusy(name)
        case .supervisor, .coordinator: return false
        }
    }

    private func lastWord(of node: ConnectedNode, now: UInt64) -> String {
        if let work = node.heartbeat.work { return "\(work.what) for \(work.milliseconds / 1000) s" }
        if let waiting = node.heartbeat.waiting {
            let whom = nodes.values.first { !waiting.whom.isEmpty && $0.hello.endpoint == waiting.whom }?.hello.name
            return "waits for " + [whom ?? waiting.whom, waiting.why].filter { !$0.isEmpty }.joined(separator: ": ")
        }
        if let complaint = node.complaint { return "complained: \(complaint.reason)" }
        let silence = (max(now, node.lastHeard) - node.lastHeard) / 1_000_000_000
        return silence > 1 ? "has been silent for \(silence) s" : "says nothing of what it waits for"
    }
}

extension ConnectedNode {
    /// The node waits for another: those that do not are named first.
    fileprivate var isWaiting: Bool { heartbeat.work == nil && heartbeat.waiting != nil }
}
