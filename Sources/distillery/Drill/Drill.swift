import Cluster
import Environments
import Foundation
import Neural
import Wire

/// Kills by turns, and watches how long it takes until another process does the dead one's work.
final class Drill {
    private let cluster: ClusterUnderDrill
    private let random: Philox
    private let every: Double
    private struct Death {
        let role: RoleName
        let at = Date()
        /// All that were there before.
        let processes: Set<Int>
    }

    private var kills = 0
    private var nextKill: Double
    /// The one that was killed last and whose successor is not yet at work.
    private var dead: Death?
    private var recoveries: [RoleName: [Double]] = [:]
    private var lateRecoveries = 0
    /// Megabytes of each role's process, with the seconds at which they were seen.
    private var memory: [RoleName: [(seconds: Double, megabytes: Double)]] = [:]
    private var nextSample = 0.0
    /// What happened in the last turn; nil when nothing did.
    private(set) var line: String?

    private static let roles: [RoleName] = [.coordinator, .learner, .recorder, .actor]
    private static let sampleSeconds = 5.0

    init(_ cluster: ClusterUnderDrill, seed: UInt64, every: Double) {
        self.cluster = cluster
        self.every = every
        random = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
        nextKill = every
    }

    /// About a twentieth of a second.
    func turn(seconds: Double) {
        line = nil
        usleep(50_000)
        if dead != nil { watch() }
        if seconds >= nextSample {
            nextSample = seconds + Self.sampleSeconds
            sample(seconds)
        }
        if every > 0, seconds >= nextKill {
            nextKill += every
            strike()
        }
    }

    private func strike() {
        if dead != nil { lateRecoveries += 1 }
        let processes = cluster.processes
        let words = random.words(.other, episode: UInt64(kills), step: 0)
        let alive = Self.roles.filter { !(processes[$0] ?? []).isEmpty }
        guard !alive.isEmpty else { return }
        let role = alive[Int(words.x) % alive.count]
        guard let all = processes[role] else { return }
        let victim = all.sorted()[Int(words.y) % all.count]
        kill(victim, SIGKILL)
        kills += 1
        dead = Death(role: role, processes: Set(processes.values.joined().map { Int($0) }))
        line = "kill \(kills): \(role.rawValue) \(victim)"
    }

    /// Back at work: another process of the role has done what the role is for.
    private func watch() {
        guard let dead, let status = cluster.status() else { return }
        let isBack =
            switch dead.role {
            case .coordinator: status.nodes.contains { ($0.numbers["lifetimes"] ?? 0) > 0 }
            case .learner: successor(of: dead, in: status, has: "transitions_learnt")
            case .recorder: successor(of: dead, in: status, has: "flushes")
            default: successor(of: dead, in: status, has: "environment_steps") || isCarriedByOthers(dead, status)
            }
        guard isBack else { return }
        let seconds = Date().timeIntervalSince(dead.at)
        recoveries[dead.role, default: []].append(seconds)
        line = "the \(dead.role.rawValue) is back at work after \(fixed(seconds, 1)) s"
        self.dead = nil
    }

    private func successor(of dead: Death, in status: ClusterStatus, has number: String) -> Bool {
        status.nodes.contains {
            $0.role == dead.role && !dead.processes.contains($0.process) && ($0.numbers[number] ?? 0) > 0
        }
    }

    /// Others may have taken the dead one's actors up before its successor had anything to do.
    private func isCarriedByOthers(_ dead: Death, _ status: ClusterStatus) -> Bool {
        let isThere = status.nodes.contains { $0.role == .actor && !dead.processes.contains($0.process) }
        let parts = status.leases.flatMap(\.parts).filter { !$0.isFinished }
        return isThere && !parts.isEmpty && parts.allSatisfy { !$0.node.isEmpty && $0.phase == "running" }
    }

    private func sample(_ seconds: Double) {
        guard let status = cluster.status() else { return }
        func note(_ role: RoleName, _ numbers: [String: Double]) {
            guard let bytes = numbers["resident_bytes"] else { return }
            memory[role, default: []].append((seconds, bytes / 1e6))
        }
        note(.coordinator, status.numbers)
        for node in status.nodes { note(node.role, node.numbers) }
    }

    var numbers: [String: Double] {
        var numbers = ["kills": Double(kills), "kills_before_the_last_was_made_up_for": Double(lateRecoveries)]
        for (role, seconds) in recoveries {
            numbers["\(role.rawValue)_recovery_seconds_median"] = seconds.median
            numbers["\(role.rawValue)_recovery_seconds_maximum"] = seconds.max()
            numbers["\(role.rawValue)_recoveries"] = Double(seconds.count)
        }
        for (role, samples) in memory {
            numbers["\(role.rawValue)_megabytes_maximum"] = samples.map(\.megabytes).max()
            guard every == 0, let last = samples.last?.seconds, last > 600 else { continue }
            // The first five minutes fill caches.
            let early = samples.filter { (300..<360).contains($0.seconds) }.map(\.megabytes)
            let late = samples.filter { $0.seconds > last - 60 }.map(\.megabytes)
            numbers["\(role.rawValue)_memory_growth"] = late.median / early.median - 1
        }
        return numbers
    }
}
