import Coordination
import Experience
import Foundation
import Quantities
import Wire

/// Kills a random process of a random role again and again, and watches how long it takes until another process does
/// the dead one's work. Belongs to the drill's thread.
final class RandomKills {
    private struct Death {
        let process: Int32
        let at = Date()
        var watch: RecoveryWatch
        var isNoticed = false

        var seconds: Double { Date().timeIntervalSince(at) }
    }

    /// Of the drill, in what is said.
    private let name: String
    private let cluster: ClusterUnderDrill
    private let random: Philox
    private let every: Double
    /// Victims are of these.
    private let roles: [RoleName]
    private var kills = 0
    private var nextKill: Double
    /// The one that was killed last and whose successor is not yet at work.
    private var dead: Death?
    private var recoveries: [RoleName: [Double]] = [:]
    private var notices: [Double] = []
    private var lateRecoveries = 0
    private var memory = MemoryHistory()
    private var nextSample = 0.0

    private static let sampleSeconds = 5.0

    init(
        _ name: String, _ cluster: ClusterUnderDrill, seed: UInt64, every: Double, roles: [RoleName]
    ) {
        self.name = name
        self.cluster = cluster
        self.every = every
        self.roles = roles
        random = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
        nextKill = every
    }

    /// Gives the seconds that it took; the cluster has ended then.
    func carryOut(minutes: Double) throws -> Double {
        let began = Date()
        while Date().timeIntervalSince(began) < 60 * minutes {
            try cluster.checked()
            turn(seconds: Date().timeIntervalSince(began))
        }
        let seconds = Date().timeIntervalSince(began)
        cluster.monitor.say("\(name): ends after \(Int(seconds)) s")
        cluster.stop()
        return seconds
    }

    /// About a twentieth of a second.
    private func turn(seconds: Double) {
        usleep(20_000)
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
        let alive = roles.filter { !(processes[$0] ?? []).isEmpty }
        guard !alive.isEmpty else { return }
        let role = alive[Int(words.x) % alive.count]
        guard let all = processes[role] else { return }
        let victim = all.sorted()[Int(words.y) % all.count]
        let watch = RecoveryWatch(role: role, processes: Set(processes.values.joined().map { Int($0) }))
        kill(victim, SIGKILL)
        kills += 1
        dead = Death(process: victim, watch: watch)
        cluster.monitor.say("\(name): kill \(kills): \(role.rawValue) \(victim)")
    }

    private func watch() {
        guard var dead else { return }
        // It stays a zombie until its parent, the supervisor, has noticed.
        if !dead.isNoticed, kill(dead.process, 0) != 0 {
            dead.isNoticed = true
            notices.append(dead.seconds)
        }
        let asked = dead.seconds
        let isBack = cluster.status().map { dead.watch.isBackAtWork($0, seconds: asked) } ?? false
        self.dead = isBack ? nil : dead
        guard isBack else { return }
        recoveries[dead.watch.role, default: []].append(dead.seconds)
        let seconds = NumberText.fixed(dead.seconds, decimals: 1)
        cluster.monitor.say("\(name): the \(dead.watch.role.rawValue) is back at work after \(seconds) s")
    }

    private func sample(_ seconds: Double) {
        guard let status = cluster.status() else { return }
        func note(_ role: RoleName, _ process: Int, _ numbers: [String: Double]) {
            guard let bytes = numbers["resident_bytes"] else { return }
            memory.add(megabytes: bytes / 1e6, of: role, process: process, at: seconds)
        }
        if let coordinator = cluster.processes[.coordinator]?.first {
            note(.coordinator, Int(coordinator), status.numbers)
        }
        for node in status.nodes { note(node.role, node.process, node.numbers) }
    }

    var numbers: [String: Double] {
        var numbers: [String: Double] = [:]
        if every > 0 {
            numbers["kills"] = Double(kills)
            numbers["kills_before_the_last_was_made_up_for"] = Double(lateRecoveries)
            numbers["notice_seconds_maximum"] = notices.max()
        }
        for (role, seconds) in recoveries {
            numbers["\(role.rawValue)_recovery_seconds_median"] = seconds.median
            numbers["\(role.rawValue)_recovery_seconds_maximum"] = seconds.max()
            numbers["\(role.rawValue)_recoveries"] = Double(seconds.count)
        }
        return numbers.merging(memory.numbers) { $1 }
    }
}
