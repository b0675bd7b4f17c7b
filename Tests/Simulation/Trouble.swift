import Experience
import Foundation
import Histories
import Nodes
package import TestSupport
import Transport
import Wire

/// What goes wrong in one random run, for a bounded time; everything follows from the seed.
package struct Trouble {
    package enum Event: String, CaseIterable, Sendable {
        case killActor, killLearner, killRecorder, killCoordinator, processEnded, drainActor, drainLearner,
            drainRecorder,
            partition, deafness, slowRecorder, stalledCoordinator, fullDisk, damagedFile, scaleUp, scaleDown, reordering
        // Of whole runs alone.
        case killDistiller, killEvaluator, drainDistiller, drainEvaluator, hang
        /// The distiller, or the coordinator, dies between the last checkpoint and the word that it is the last.
        case killDistillerAtLastWord, killCoordinatorAtLastWord
        /// The supervisor dies and all its children with it; the run is resumed, by itself or behind a command.
        case killEverything, stop, index, indexWithoutCatalogue, losePower
        /// A carrier that hung while it was replaced comes to when the recorder has been restarted.
        case sleeperAwakes
        /// The next actor process or evaluator is on another kind of processor.
        case otherProcessor
    }

    /// What happens while a cluster collects, and nothing else is asked of it.
    package static let ofCollection: [Event] = [
        .killActor, .killLearner, .killRecorder, .killCoordinator, .processEnded, .drainActor, .drainLearner,
        .drainRecorder, .partition, .deafness, .slowRecorder, .stalledCoordinator, .fullDisk, .damagedFile, .scaleUp,
        .scaleDown, .reordering,
    ]

    static let deliveriesBetweenEvents = 24
    static let roundMilliseconds: UInt64 = 2000
    /// Nodes give a coordinator up that they do not hear for half a minute.
    private static let longestCutMilliseconds: UInt64 = 12_000
    private static let attempts = 60
    /// How often in a run something that could not happen is tried again later.
    private static let postponements = 20
    static let pauseMilliseconds: UInt64 = 250
    private static let slownessMilliseconds: UInt64 = 1500
    /// Longer than a node may be silent, in half of the cases.
    private static let stallMilliseconds: ClosedRange<Int> = 3000...7000
    /// What shows within this time has happened.
    static let noticeMilliseconds: UInt64 = 1500
    /// A recorder is started, opens what it is asked for, and tells the coordinator what is complete.
    private static let sealMilliseconds: UInt64 = 3000
    var random: SplitMix
    private let actors: Int
    var violations: [String] = []
    var isScaled = false
    private var cutSince: UInt64?

    /// `actors`: how many the cluster carries before anybody scales it.
    package init(_ seed: UInt64, actors: Int = 0) {
        random = SplitMix(seed: seed)
        self.actors = actors
    }

    private mutating func unit() -> Float { Float(random.below(1 << 24)) * 0x1p-24 }

    package mutating func makeConditions() -> NetworkConditions {
        var conditions = NetworkConditions()
        conditions.delay = 1_000_000...UInt64(40_000_000 + 215_000_000 * unit())
        conditions.dropped = 0.01 + 0.14 * unit()
        conditions.duplicated = 0.01 + 0.14 * unit()
        conditions.keepsOrder = unit() < 0.7
        return conditions
    }

    /// All of `ofCollection` goes wrong, one after the other, and then some of it again; then the cluster comes to its end in
    /// peace. Gives back how often what happened, and what was lost when a recorder died.
    package mutating func run(
        _ cluster: SimulatedCluster, patienceMilliseconds: UInt64
    ) throws -> (counts: [Event: Int], violations: [String]) {
        var counts: [Event: Int] = [:]
        cluster.addSupervisor()
        cluster.network.conditions = makeConditions()
        // Reordering needs some time to show; damage leaves less to disturb.
        let once: Set<Event> = [.reordering, .damagedFile]
        let again = random.pick(Self.ofCollection.filter { !once.contains($0) })
        let others = Self.ofCollection.filter { $0 != .reordering } + [again]
        var pending = [.reordering] + order(others)
        var postponed = 0
        while !pending.isEmpty {
            let event = pending.removeFirst()
            let goal =
                cluster.network.counts.delivered + Self.deliveriesBetweenEvents / 2
                + random.below(Self.deliveriesBetweenEvents)
            try cluster.run(milliseconds: Self.roundMilliseconds) { $0.network.counts.delivered >= goal }
            if random.once(in: 2) { try end(cluster) }
            if try attempt(event, cluster) {
                counts[event, default: 0] += 1
            } else if postponed < Self.postponements, !cluster.isFinished {
                // Early still: the run comes to its end while others wait.
                postponed += 1
                pending.insert(event, at: min(1, pending.count))
            }
        }
        try cluster.run(milliseconds: Self.roundMilliseconds / 4)
        try end(cluster)
        cluster.network.conditions = NetworkConditions()
        try cluster.run(milliseconds: patienceMilliseconds)
        return (counts, violations)
    }

    private mutating func attempt(_ event: Event, _ cluster: SimulatedCluster) throws -> Bool {
        // There may be nobody just now to whom it could happen.
        for attempt in 0..<Self.attempts {
            try endLongCuts(cluster)
            // Or everything stands still because of what went wrong before.
            if attempt > 0 { try end(cluster) }
            if try happen(event, cluster) { return true }
            try cluster.run(milliseconds: Self.pauseMilliseconds)
        }
        return false
    }

    private mutating func order(_ events: [Event]) -> [Event] {
        var order = events.filter { $0 != .damagedFile }.shuffled(using: &random)
        // Early, while there are files that grow: others hold some streams up, and the rest come to their end.
        order.insert(.damagedFile, at: random.below(order.count / 3))
        return order
    }

    /// What lasts ends: cuts, and another number of actors.
    mutating func end(_ cluster: SimulatedCluster) throws {
        heal(cluster)
        while isScaled, !cluster.isFinished {
            isScaled = !cluster.scale(to: actors)
            if isScaled { try cluster.run(milliseconds: Self.pauseMilliseconds) }
        }
    }

    private mutating func heal(_ cluster: SimulatedCluster) {
        cluster.network.heal()
        cutSince = nil
    }

    mutating func endLongCuts(_ cluster: SimulatedCluster) throws {
        guard let since = cutSince, cluster.clock.now >= since + Self.longestCutMilliseconds * 1_000_000 else { return }
        heal(cluster)
        try cluster.run(milliseconds: Self.noticeMilliseconds)
    }

    // MARK: - Events

    mutating func happen(_ event: Event, _ cluster: SimulatedCluster) throws -> Bool {
        guard !cluster.isFinished else { return false }
        switch event {
        case .killActor: return kill(.actor, cluster) != nil
        case .killLearner: return kill(.learner, cluster) != nil
        case .killRecorder: return try killRecorder(cluster)
        case .killDistiller: return kill(.distiller, cluster) != nil
        case .killEvaluator: return kill(.evaluator, cluster) != nil
        case .killCoordinator: cluster.kill(SimulatedCluster.coordinatorName)
        case .processEnded: return try endProcess(cluster)
        case .drainActor: return drain(.actor, cluster)
        case .drainLearner: return drain(.learner, cluster)
        case .drainRecorder: return drain(.recorder, cluster)
        case .drainDistiller: return drain(.distiller, cluster)
        case .drainEvaluator: return drain(.evaluator, cluster)
        case .partition, .deafness: return try cut(cluster, isOneWay: event == .deafness)
        case .slowRecorder:
            guard let name = choose(cluster.names(.recorder)) else { return false }
            cluster.hold(name, milliseconds: Self.slownessMilliseconds)
        case .stalledCoordinator:
            guard cluster.isCoordinatorAtWork else { return false }
            let span = Self.stallMilliseconds.upperBound - Self.stallMilliseconds.lowerBound
            cluster.hold(
                SimulatedCluster.coordinatorName,
                milliseconds: UInt64(Self.stallMilliseconds.lowerBound + random.below(span)))
        case .fullDisk: return try fillDisk(cluster)
        case .damagedFile: return try damageFile(cluster)
        case .scaleUp: return scale(cluster, to: actors + 2 + random.below(actors))
        case .scaleDown:
            // Nobody could go otherwise.
            guard cluster.names(.actor).count > 1 else { return false }
            return scale(cluster, to: random.below(actors))
        case .reordering: cluster.network.conditions.keepsOrder = false
        default: return try happenToRun(event, cluster)
        }
        return true
    }

    mutating func choose(_ names: [String]) -> String? { names.isEmpty ? nil : random.pick(names) }

    mutating func kill(_ role: RoleName, _ cluster: SimulatedCluster) -> String? {
        let name = choose(cluster.names(role))
        name.map { cluster.kill($0) }
        return name
    }

    private mutating func drain(_ role: RoleName, _ cluster: SimulatedCluster) -> Bool {
        choose(cluster.names(role)).map { cluster.drain($0) } ?? false
    }

    /// `name`: any where none is named.
    mutating func killRecorder(_ cluster: SimulatedCluster, _ name: String? = nil) throws -> Bool {
        guard let name = name ?? choose(cluster.names(.recorder)) else { return false }
        cluster.kill(name)
        violations += try cluster.lost()
        return true
    }

    /// It is only told once, and that may be lost: then it has not happened.
    private mutating func endProcess(_ cluster: SimulatedCluster) throws -> Bool {
        guard let name = choose(cluster.nodes.keys.sorted().filter { cluster.isSupervised($0) }) else {
            // The next one may be on the supervisor's host.
            _ = kill(.actor, cluster)
            return false
        }
        let earlier = cluster.journal.endedProcesses
        cluster.killSupervised(name)
        try cluster.run(milliseconds: Self.noticeMilliseconds) { $0.journal.endedProcesses > earlier }
        return cluster.journal.endedProcesses > earlier
    }

    /// Only a cut that has swallowed something has happened.
    private mutating func cut(_ cluster: SimulatedCluster, isOneWay: Bool) throws -> Bool {
        let names = cluster.nodes.keys.sorted()
        guard let name = choose(names) else { return false }
        // With the coordinator everybody speaks each second.
        if isOneWay {
            let others = names.filter { $0 != name } + [SimulatedCluster.coordinatorName]
            cluster.network.cut(from: name, to: random.pick(others))
        } else {
            let others = random.once(in: 2) ? Set(names).subtracting([name]) : []
            cluster.network.partition([name], from: others.union([SimulatedCluster.coordinatorName]))
        }
        cutSince = cutSince ?? cluster.clock.now
        let before = cluster.network.counts.cut
        try cluster.run(milliseconds: Self.noticeMilliseconds) { $0.network.counts.cut > before }
        return cluster.network.counts.cut > before
    }

    /// A recorder has to say that it waits; it has room again a little later. In half of the cases it is one disk of
    /// several.
    private mutating func fillDisk(_ cluster: SimulatedCluster) throws -> Bool {
        func waits(_ cluster: SimulatedCluster) -> Bool {
            cluster.names(.recorder).contains {
                cluster.nodes[$0]?.role.waiting(now: cluster.clock.now)?.why.contains("room on the disk") == true
            }
        }
        let names = cluster.names(.recorder)
        if names.count > 1, random.once(in: 2), let number = choose(names).flatMap({ cluster.recorderNumbers[$0] }) {
            cluster.fullFolder = cluster.growingFolder(number)
        } else {
            cluster.isDiskFull = true
        }
        defer {
            cluster.isDiskFull = false
            cluster.fullFolder = nil
        }
        try cluster.run(milliseconds: Self.noticeMilliseconds) { waits($0) }
        guard waits(cluster) else { return false }
        try cluster.run(milliseconds: UInt64(200 + random.below(600)))
        return true
    }

    /// A growing file loses or changes some of what it holds while no recorder lives.
    private mutating func damageFile(_ cluster: SimulatedCluster) throws -> Bool {
        let growing = cluster.acknowledged.filter { stream, next in
            return next > 1 && cluster.journal.sealed[stream] == nil
                && FileManager.default.fileExists(atPath: cluster.file(of: stream))
        }
        guard !growing.isEmpty else { return false }
        let stream = random.pick(growing.keys.sorted { $0.path < $1.path })
        // A recorder that lives would know what the file held.
        guard let keeper = cluster.keeper(of: stream), try killRecorder(cluster, keeper) else { return false }
        guard !StreamVerification(path: cluster.file(of: stream)).isSealed else {
            // The next recorder has to be left the time to say so.
            try cluster.run(milliseconds: Self.sealMilliseconds)
            return false
        }
        try cluster.damage(stream, by: random.pick([.cut, .flipped, .overwritten, .deleted]))
        return true
    }

    private mutating func scale(_ cluster: SimulatedCluster, to number: Int) -> Bool {
        guard cluster.scale(to: number) else { return false }
        isScaled = true
        return true
    }
}
