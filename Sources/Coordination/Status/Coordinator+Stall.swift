import Experiments
import Wire

/// Whether anything moves in the run, and what is said and done when nothing does. It is the last of the
/// safeguards: whatever went wrong, and however each part of it looks healthy, a run does not stand still unnoticed
/// for ever.
extension Coordinator {
    /// Without movement for so long `status` says what the run lacks, or who should be moving.
    static let noticeableStillnessNanoseconds: UInt64 = 10_000_000_000
    /// Counters of a node that rise when the run gets on; a message that is refused or sent again does not raise them.
    private static let movingNumbers = [
        "environment_steps", "evaluation_steps", "transitions", "steps", "sealed_streams",
    ]
    /// Nodes that are named when nothing moves.
    private static let namedNodes = 3

    /// The run has got on: called wherever something that counts has happened. Written-down ends, pieces of checkpoints
    /// and new steps count; heartbeats alone do not.
    func moved(now: UInt64) { lastMovement = max(lastMovement, now) }

    /// Whether a node says that it has got on since its last heartbeat. A counter that falls, as that of a process that
    /// began anew, is no movement; work that has done a further piece is.
    func noteMovement(of node: Node, _ heartbeat: Heartbeat, now: UInt64) {
        let hasCounted = Self.movingNumbers.contains { (heartbeat.numbers[$0] ?? 0) > (node.numbers[$0] ?? 0) }
        let isLoading =
            heartbeat.work.map { $0.done > 0 && $0 != node.heartbeat.work && hasDone(more: $0, node) } ?? false
        if hasCounted || isLoading { moved(now: now) }
    }

    /// Whether the work is other work than at the last heartbeat, or further: its `milliseconds` alone grow without
    /// anything being done.
    private func hasDone(more work: Work, _ node: Node) -> Bool {
        node.heartbeat.work.map { $0.what != work.what || $0.done != work.done } ?? true
    }

    /// For how long nothing has moved; 0 where nothing has to. Nanoseconds of the coordinator's clock, which does not
    /// run while its process is stopped: a suspended machine is no stall.
    func stillness(now: UInt64) -> UInt64 {
        guard !isStopping, failure.isEmpty, phase != .finished else { return 0 }
        return max(now, lastMovement) - lastMovement
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

    /// Whether the node holds something that is to be done in this phase.
    private func shouldMove(_ node: Node) -> Bool {
        let name = node.hello.name
        switch (phase, node.hello.role) {
        case (.collecting, .actor):
            return lifetimes.leased.contains { lifetimes[$0]?.parts.contains { $0.node == name } ?? false }
        case (.collecting, .learner): return lifetimes.leased.contains { lifetimes[$0]?.learner == name }
        case (.collecting, .recorder): return !unsealed.isEmpty
        case (.distilling, .distiller): return distiller == name
        case (.evaluating, .evaluator): return jobs.contains { $0.node == name && !$0.isFinished }
        default: return false
        }
    }

    /// The most telling of what is known of one node: long work, then what it waits for, then its complaint, then its
    /// silence.
    private func lastWord(of node: Node, now: UInt64) -> String {
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

extension Coordinator.Node {
    /// The node waits for another: those that do not are named first.
    fileprivate var isWaiting: Bool { heartbeat.work == nil && heartbeat.waiting != nil }
}
