import Environments
import Experience
import Foundation
import Histories
import Simulation
import TestSupport
import Testing
import Transport
import Wire

/// Simulated time that no run needs: a hang is found, not waited for.
let patienceMilliseconds: UInt64 = 400_000

@Suite("A cluster on a simulated network") struct SimulationTests {
    @Test("a lifetime runs to its end without a fault", arguments: [true, false])
    func undisturbed(lockstep: Bool) throws {
        let seed = testSeed()
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: lockstep, learners: 2, trainTasks: 3), seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        #expect(cluster.journal.ended.count == 3)
        for (_, content) in try cluster.dataset() { #expect(content.rewards == 8 * 4) }
    }

    @Test("a subset of the actors is recorded") func subset() throws {
        let seed = testSeed()
        let yaml = smallExperiment(lockstep: false).replacingOccurrences(
            of: "  actors: 3\n", with: "  actors: 3\n  record_actors: 1\n")
        let cluster = try SimulatedCluster(yaml: yaml, seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        #expect(try cluster.dataset().count == 1)
    }

    @Test("the same lockstep experiment with 1 and with 5 actor processes gives the same streams")
    func processCount() throws {
        let seed = testSeed()
        let datasets = try [1, 5].map { processes in
            let cluster = try SimulatedCluster(
                yaml: smallExperiment(lockstep: true, actors: 7, processes: processes, trainTasks: 2), seed: seed)
            try cluster.run(milliseconds: patienceMilliseconds)
            try cluster.checkEnd(seed)
            return try cluster.dataset()
        }
        #expect(datasets[0].count == 14)
        #expect(datasets[0] == datasets[1])
    }

    @Test("an evaluation's results do not depend on who works on it, and count once") func evaluation() throws {
        let first = testSeed()
        let reference = try DisturbedEvaluation.Reference()
        #expect(reference.returns.count == 8)
        var happened: Set<DisturbedEvaluation.Event> = []
        for seed in (0..<60).map({ first &+ $0 }) {
            let run = try DisturbedEvaluation(seed: seed, reference: reference)
            happened.formUnion(run.events)
            #expect(run.violations.isEmpty, "DISTILLERY_TEST_SEED=\(seed): \(run.violations.prefix(3))")
        }
        #expect(happened.count == DisturbedEvaluation.Event.allCases.count)
    }

    /// As `disturbed`, with everything that can happen to a run from its first lifetime to its last result.
    @Test("whatever fails in whatever phase, a whole run comes to its end with the results of an undisturbed one")
    func wholeRuns() throws {
        let first = testSeed()
        let references = try WholeRun.References()
        let outcomes = Outcomes(Trouble.ofWholeRun)
        DispatchQueue.concurrentPerform(iterations: seedCount) { index in
            let seed = first &+ UInt64(index)
            do { outcomes.add(try WholeRun(seed: seed, references: references)) } catch {
                outcomes.fail(seed, "\(error)")
            }
        }
        print("whole runs: \(outcomes.summary)\n\(outcomes.causes)")
        #expect(outcomes.failures.isEmpty, "\(outcomes.failures.count) seeds: \(outcomes.failures.sorted().prefix(5))")
        #expect(outcomes.rare(below: Self.leastShareOfEvent).isEmpty)
    }

    /// Of the runs of a batch that is large enough to tell.
    private static let leastShareOfEvent = 0.02

    /// Where every event is tried in every run; one run in a thousand comes to its end before one of them could happen.
    private static let usualShareOfEvent = 0.9

    private var seedCount: Int {
        ProcessInfo.processInfo.environment["DISTILLERY_SIMULATION_SEEDS"].flatMap { Int($0) }
            ?? Outcomes.fewestRunsToTell
    }

    /// `DISTILLERY_SIMULATION_SEEDS` says how many; 10,000 take some minutes on two cores. The order of Swift's sets
    /// differs from process to process, and with it that of some messages: set `SWIFT_DETERMINISTIC_HASHING=1` to see
    /// the same seed go wrong in the same way.
    @Test("whatever fails in whatever order, nothing is lost, doubled or given out twice, and the run comes to its end")
    func disturbed() throws {
        let first = testSeed()
        let undisturbed = try DisturbedRun.Undisturbed()
        let outcomes = Outcomes(Trouble.ofCollection)
        DispatchQueue.concurrentPerform(iterations: seedCount) { index in
            let seed = first &+ UInt64(index)
            do { outcomes.add(try DisturbedRun(seed: seed, undisturbed: undisturbed)) } catch {
                outcomes.fail(seed, "\(error)")
            }
        }
        print("simulation: \(outcomes.summary)\n\(outcomes.causes)")
        #expect(outcomes.failures.isEmpty, "\(outcomes.failures.count) seeds: \(outcomes.failures.sorted().prefix(5))")
        #expect(outcomes.rare(below: Self.usualShareOfEvent).isEmpty)
        #expect(outcomes.fewestDeliveries >= 1000)
    }
}

/// What came of all seeds; filled by several threads.
private final class Outcomes: @unchecked Sendable {
    /// Fewer runs say nothing about how often something happens.
    static let fewestRunsToTell = 200

    private let lock = NSLock()
    private let events: [Trouble.Event]
    private var runs = 0
    private var deliveries = 0
    /// In how many runs it happened.
    private var happened: [String: Int] = [:]
    private var counts: [String: Int] = [:]
    private var largest: [String: Int] = [:]
    private var simulatedSeconds = 0.0
    private(set) var fewestDeliveries = Int.max
    /// Seeds by what went wrong, numbers apart.
    private var kinds: [String: [UInt64]] = [:]
    private(set) var failures: [String] = []

    /// `events`: what is to happen in the runs.
    init(_ events: [Trouble.Event]) { self.events = events }

    func add(_ run: DisturbedRun) {
        lock.withLock {
            add(run.seed, run.events, run.deliveries, run.simulatedSeconds, run.violations)
            for (kind, count) in run.messages {
                counts[kind, default: 0] += count
                happened[kind, default: 0] += count > 0 ? 1 : 0
            }
            counts["givenUp", default: 0] += run.givenUp
            counts["quarantined", default: 0] += run.quarantined
        }
    }

    func add(_ run: WholeRun) {
        lock.withLock {
            add(run.seed, run.events, run.deliveries, run.simulatedSeconds, run.violations)
            for (name, number) in ["repeated": run.repeated, "refused": run.refused, "second": run.worstSecond] {
                largest[name] = max(largest[name] ?? 0, number)
            }
        }
    }

    private func add(
        _ seed: UInt64, _ events: [Trouble.Event: Int], _ deliveries: Int, _ seconds: Double, _ violations: [String]
    ) {
        runs += 1
        self.deliveries += deliveries
        fewestDeliveries = min(fewestDeliveries, deliveries)
        simulatedSeconds += seconds
        for (event, count) in events {
            counts[event.rawValue, default: 0] += count
            happened[event.rawValue, default: 0] += 1
        }
        guard !violations.isEmpty else { return }
        note(seed, "\(violations.prefix(3)), after \(events.keys.map(\.rawValue).sorted().joined(separator: " "))")
        for kind in Set(violations.map { String($0.filter { !$0.isNumber }.prefix(100)) }) {
            kinds[kind, default: []].append(seed)
        }
    }

    func fail(_ seed: UInt64, _ failure: String) { lock.withLock { note(seed, failure) } }

    /// What happened in a smaller share of the runs; of a few runs nothing is said.
    func rare(below share: Double) -> [String] {
        guard runs >= Self.fewestRunsToTell else { return [] }
        let names = Set(events.map(\.rawValue)).union(happened.keys)
        return names.filter { Double(happened[$0] ?? 0) < share * Double(runs) }.sorted()
    }

    private func note(_ seed: UInt64, _ what: String) {
        failures.append("DISTILLERY_SIMULATION_SEEDS=1 DISTILLERY_TEST_SEED=\(seed): \(what.prefix(2000))")
    }

    /// What went wrong, the most frequent first.
    var causes: String {
        kinds.sorted { $0.value.count > $1.value.count }
            .map { "  \($0.value.count) times, seeds \($0.value.sorted().prefix(8)): \($0.key)" }
            .joined(separator: "\n")
    }

    var summary: String {
        "\(runs) seeds, \(deliveries) deliveries (at least \(fewestDeliveries)), \(Int(simulatedSeconds)) simulated s, "
            + (counts.map { ($0.key, $0.value) } + largest.map { ("largest \($0.key)", $0.value) })
            .sorted { $0.0 < $1.0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }
}
