import Coordination
import Foundation
import Nodes
import Wire

/// Watches a cluster, and floods it. Belongs to the drill's thread.
final class Siege {
    /// Growth is counted from the end of the first minute on.
    private static let early = 55.0..<75.0
    private static let lateSeconds = 20.0
    private static let sampleSeconds = 1.0
    /// What has been done by then is told by later heartbeats.
    private static let heartbeatSeconds = 1.5
    /// Caches and connections of a cluster that has just begun.
    private static let warmUpSeconds = 5.0
    /// The roles that listen.
    private static let besieged: [RoleName] = [.coordinator, .learner, .recorder]

    private static let counted = [
        "refused_messages", "dropped_messages", "cut_connections", "unopened_rollouts", "fenced_messages",
    ]

    private let cluster: ClusterUnderDrill
    private let began = Date()
    private var history = StepHistory()
    private var memory = MemoryHistory()
    private var nextSample = 0.0
    private var status: ClusterStatus?

    init(_ cluster: ClusterUnderDrill) { self.cluster = cluster }

    private var seconds: Double { Date().timeIntervalSince(began) }

    func awaitWork(processes: Int) throws {
        try cluster.wait { status in
            status.nodes.count { $0.role == .actor && $0.numbers["environment_steps"] ?? 0 > 0 } == processes
        }
        try look(until: seconds + Self.warmUpSeconds)
    }

    func watch(_ name: String, seconds length: Double, while hostile: HostilePeer? = nil) throws -> BenchmarkResult {
        memory = MemoryHistory(early: Self.early, lateSeconds: Self.lateSeconds)
        let start = seconds
        let before = counts
        try look(until: start + length + Self.heartbeatSeconds) { hostile?.learn($0) }
        let rate = history.rate(in: start..<(start + length))
        cluster.monitor.say("\(name): \(Int(rate)) steps a second")
        return BenchmarkResult(
            name: name, configuration: ["seconds": .number(length)], rates: [.environmentSteps: [rate]],
            measured: memory.numbers.merging(counts.map { ($0, $1 - (before[$0] ?? 0)) }) { $1 })
    }

    /// - Parameter calm: steps a second without the peer.
    func flood(
        _ name: String, _ manners: [HostilePeer.Manner], seconds length: Double, calm: Double
    ) throws -> BenchmarkResult {
        guard let status else { throw ClusterError("the cluster has told nothing of itself") }
        let peer = HostilePeer(endpoints: try endpoints(status), manners: manners)
        peer.learn(status)
        peer.start()
        defer { peer.stop() }
        let before = Self.processorSeconds
        var result = try watch(name, seconds: length, while: peer)
        if let failure = peer.failure { throw ClusterError("the hostile peer ended: \(failure)") }
        result.measured["processors_of_hostile_peer"] = (Self.processorSeconds - before) / length
        result.measured["percent_of_undisturbed"] = 100 * (result.rates[.environmentSteps]?.first ?? 0) / calm
        for (role, sent) in peer.sent {
            result.measured["\(role.rawValue)_hostile_messages_per_second"] = Double(sent) / length
        }
        return result
    }

    /// Of this process: it does little besides.
    private static var processorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6 }
    }

    private func endpoints(_ status: ClusterStatus) throws -> [RoleName: String] {
        var endpoints = [RoleName.coordinator: try cluster.endpoint()]
        for node in status.nodes where Self.besieged.contains(node.role) { endpoints[node.role] = node.endpoint }
        guard endpoints.count == Self.besieged.count else {
            throw ClusterError("the cluster has not all of coordinator, learner and recorder")
        }
        return endpoints
    }

    private func look(until end: Double, _ body: (ClusterStatus) -> Void = { _ in }) throws {
        while seconds < end {
            usleep(100_000)
            guard let status = try cluster.checked().status() else { continue }
            let now = seconds
            history.add(status, at: now)
            self.status = status
            body(status)
            if now >= nextSample {
                nextSample = now + Self.sampleSeconds
                sample(status, at: now)
            }
        }
    }

    private func sample(_ status: ClusterStatus, at now: Double) {
        for (role, numbers) in numbers(of: status) {
            guard let bytes = numbers["resident_bytes"] else { continue }
            memory.add(megabytes: bytes / 1e6, of: role, process: 0, at: now)
        }
    }

    private func numbers(of status: ClusterStatus) -> [RoleName: [String: Double]] {
        var numbers = [RoleName.coordinator: status.numbers]
        for node in status.nodes where Self.besieged.contains(node.role) { numbers[node.role] = node.numbers }
        return numbers
    }

    /// What each listening process has refused and dropped so far.
    private var counts: [String: Double] {
        var counts: [String: Double] = [:]
        guard let status else { return counts }
        for (role, numbers) in numbers(of: status) {
            for what in Self.counted {
                counts["\(role.rawValue)_\(what)"] = numbers[what]
            }
        }
        return counts
    }
}
