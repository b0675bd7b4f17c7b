import Cluster
import Environments
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

    /// `DISTILLERY_SIMULATION_SEEDS` says how many; 10,000 take some minutes on two cores. The order of Swift's sets
    /// differs from process to process, and with it that of some messages: set `SWIFT_DETERMINISTIC_HASHING=1` to see
    /// the same seed go wrong in the same way.
    @Test("whatever fails in whatever order, nothing is lost, doubled or given out twice, and the run comes to its end")
    func disturbed() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["DISTILLERY_SIMULATION_SEEDS"].flatMap { Int($0) } ?? 1000
        let first = testSeed()
        let undisturbed = try DisturbedRun.undisturbed()
        let outcomes = Outcomes()
        DispatchQueue.concurrentPerform(iterations: count) { index in
            let seed = first &+ UInt64(index)
            do { outcomes.add(try DisturbedRun(seed: seed, undisturbed: undisturbed)) } catch {
                outcomes.fail("DISTILLERY_SIMULATION_SEEDS=1 DISTILLERY_TEST_SEED=\(seed): \(error)")
            }
        }
        print("simulation: \(outcomes.summary)")
        #expect(outcomes.failures.isEmpty, "\(outcomes.failures.count) seeds: \(outcomes.failures.sorted().prefix(5))")
        #expect(outcomes.fewestDeliveries >= 1000)
    }
}

/// What came of all seeds; filled by several threads.
private final class Outcomes: @unchecked Sendable {
    private let lock = NSLock()
    private var runs = 0
    private var deliveries = 0
    private var events: [String: Int] = [:]
    private var simulatedSeconds = 0.0
    private(set) var fewestDeliveries = Int.max
    private(set) var failures: [String] = []

    func add(_ run: DisturbedRun) {
        lock.withLock {
            runs += 1
            deliveries += run.deliveries
            fewestDeliveries = min(fewestDeliveries, run.deliveries)
            simulatedSeconds += run.simulatedSeconds
            for event in Trouble.Event.allCases { events[event.rawValue, default: 0] += run.events[event] ?? 0 }
            events.merge(run.messages, uniquingKeysWith: +)
            events["givenUp", default: 0] += run.givenUp
            events["quarantined", default: 0] += run.quarantined
            let missing =
                Trouble.Event.allCases.filter { run.events[$0] == nil }.map(\.rawValue)
                + run.messages.filter { $0.value == 0 }.map(\.key)
            if !missing.isEmpty { note(run.seed, "did not happen: \(missing)") }
            if !run.violations.isEmpty { note(run.seed, "\(run.violations.prefix(3))") }
        }
    }

    func fail(_ failure: String) { lock.withLock { failures.append(failure) } }

    private func note(_ seed: UInt64, _ what: String) {
        failures.append("DISTILLERY_SIMULATION_SEEDS=1 DISTILLERY_TEST_SEED=\(seed): \(what.prefix(1500))")
    }

    var summary: String {
        "\(runs) seeds, \(deliveries) deliveries (at least \(fewestDeliveries)), \(Int(simulatedSeconds)) simulated s, "
            + events.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
}
