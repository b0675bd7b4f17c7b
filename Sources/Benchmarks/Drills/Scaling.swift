import Coordination
import Foundation
import Nodes
import Quantities
import Wire

/// Scales a cluster and watches what follows. Belongs to the drill's thread.
final class Scaling {
    private static let windowSeconds = 2.0
    private static let strideSeconds = 0.25
    /// What has been done by then is told by later heartbeats.
    private static let heartbeatSeconds = 1.5
    private static let emptyingSeconds = 60.0

    private let cluster: ClusterUnderDrill
    private let plan: ScalePlan
    private let holdSeconds: Double
    private let began = Date()
    private var history = StepHistory()
    private var status: ClusterStatus?
    private var actors: Int
    private var plateau = 0.0

    init(_ cluster: ClusterUnderDrill, _ plan: ScalePlan, holdSeconds: Double) {
        self.cluster = cluster
        self.plan = plan
        self.holdSeconds = holdSeconds
        actors = plan.least
    }

    /// Steps that actor processes have said that they sent.
    var stepsCounted: Double { history.total }

    private var seconds: Double { Date().timeIntervalSince(began) }

    /// Collects undisturbed; takes note of the throughput.
    func hold() throws {
        let start = seconds
        try watch(until: start + holdSeconds + Self.heartbeatSeconds) { _ in }
        plateau = Settling(rates(from: start)).plateau
        cluster.monitor.say("\(plan.name): \(plan.describe(actors)), \(Int(plateau)) steps a second")
    }

    /// Sends all actors home: what they had not on the disk yet comes there before they leave.
    func empty() throws {
        try cluster.scale(actors: 0)
        let deadline = seconds + Self.emptyingSeconds
        var isEmpty = false
        while !isEmpty {
            guard seconds < deadline else {
                throw ClusterError("actors do not leave, of the cluster \(cluster.folder)")
            }
            try watch(until: seconds + 0.5) { status in isEmpty = !status.nodes.contains { $0.role == .actor } }
        }
    }

    /// `scale` to so many actors, and what follows.
    func change(to target: Int) throws -> BenchmarkResult {
        let name = "\(plan.describe(actors)) to \(plan.describe(target))"
        cluster.monitor.say("\(plan.name): \(name)")
        let before = cluster.processes
        let leases = status?.leases ?? []
        let stepsBefore = Dictionary(
            (status?.nodes ?? []).map { ($0.name, $0.numbers["environment_steps"] ?? 0) }, uniquingKeysWith: max)
        let start = seconds
        try cluster.scale(actors: target)
        var inPlace: Double?
        try watch(until: start + holdSeconds + Self.heartbeatSeconds) { status in
            guard inPlace == nil, isInPlace(status, target, stepsBefore) else { return }
            inPlace = seconds - start
        }
        let windows = rates(from: start)
        let settling = Settling(windows)
        var measured = [
            "steps_per_second_before": plateau, "steps_per_second_after": settling.plateau,
            "restarts": Double(restarts(before, cluster.processes, isGrowing: target > actors)),
            "lifetimes_begun_again": Double(begunAgain(leases)),
        ]
        measured["seconds_until_throughput_settled"] = settling.seconds
        measured["seconds_until_all_at_work"] = inPlace
        (plateau, actors) = (settling.plateau, target)
        let (settled, placed) = (settling.seconds ?? .nan, inPlace ?? .nan)
        cluster.monitor.say(
            "\(plan.name): \(Int(plateau)) steps a second after \(NumberText.fixed(settled, decimals: 1)) s, "
                + "all at work after \(NumberText.fixed(placed, decimals: 1)) s")
        return BenchmarkResult(
            name: name,
            configuration: [
                "actors": .init(target), "actor_processes": .init(plan.processes(for: target)),
                "elastic": plan.isElastic ? 1 : 0, "seconds_watched": .number(holdSeconds),
            ], rates: [.environmentSteps: windows.suffix(windows.count / 2).map(\.rate)], measured: measured)
    }

    private func rates(from start: Double) -> [Settling.Window] {
        history.rates(
            in: start..<(start + holdSeconds), width: Self.windowSeconds, stride: Self.strideSeconds)
    }

    /// Looks at the cluster ten times a second.
    private func watch(until end: Double, _ body: (ClusterStatus) -> Void) throws {
        while seconds < end {
            usleep(50_000)
            guard let status = try cluster.checked().status() else { continue }
            history.add(status, at: seconds)
            self.status = status
            body(status)
        }
    }

    /// Those processes are there that are wanted and no others; each has sent rollouts since; and together they step as
    /// many actors as are wanted.
    private func isInPlace(_ status: ClusterStatus, _ target: Int, _ stepsBefore: [String: Double]) -> Bool {
        let carriers = status.nodes.filter { $0.role == .actor }
        let carried = status.leases.flatMap(\.parts).filter { !$0.isFinished && !$0.node.isEmpty }
        return carried.allSatisfy { ["running", "draining"].contains($0.phase) }
            && carriers.count == plan.processes(for: target)
            && carriers.reduce(0) { $0 + ($1.numbers["actors"] ?? 0) } == Double(target)
            && carriers.allSatisfy { $0.numbers["environment_steps"] ?? 0 > stepsBefore[$0.name] ?? 0 }
            && cluster.processes[.actor, default: []].count == carriers.count
    }

    /// Processes that ended or began without being asked to.
    private func restarts(_ before: [RoleName: [Int32]], _ after: [RoleName: [Int32]], isGrowing: Bool) -> Int {
        Set(before.keys).union(after.keys).reduce(0) { sum, role in
            let were = Set(before[role] ?? [])
            let are = Set(after[role] ?? [])
            guard role == .actor else { return sum + were.symmetricDifference(are).count }
            return sum + (isGrowing ? were.subtracting(are) : are.subtracting(were)).count
        }
    }

    private func begunAgain(_ before: [ClusterStatus.Lease]) -> Int {
        let attempts = Dictionary(
            before.map { ("\($0.task) \($0.repetition)", $0.attempt) }, uniquingKeysWith: max)
        return (status?.leases ?? []).count { lease in
            attempts["\(lease.task) \(lease.repetition)"].map { $0 != lease.attempt } ?? false
        }
    }
}
