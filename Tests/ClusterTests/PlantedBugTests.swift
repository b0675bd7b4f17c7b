import Simulation
import Testing

@Suite("Bugs that were planted") struct PlantedBugTests {
    /// A bug that so many seeds do not find is not found.
    private static let seedLimit: UInt64 = 100

    @Test(
        "the simulation finds each and calls it by its name, and finds nothing without it",
        arguments: PlantedBug.allCases)
    func find(bug: PlantedBug) throws {
        let violations =
            try bug.concernsWholeRuns
            ? wholeRun() : bug.concernsLongLives ? longLives() : bug.concernsEvaluation ? evaluation() : collection()
        for seed in 1...Self.seedLimit {
            let found = try violations(seed) { bug.plant(in: $0) }
            guard let violation = found.first(where: { $0.contains(bug.violation) }) else { continue }
            print("planted: \(bug.rawValue) found by seed \(seed): \(violation.prefix(160))")
            let sound = try violations(seed) { _ in }
            #expect(sound.isEmpty, "\(sound)")
            return
        }
        Issue.record("\(bug.rawValue) was not found by \(Self.seedLimit) seeds")
    }

    @Test("a node that is refused for ever is named by the real status") func refused() throws {
        let cluster = try SimulatedCluster(yaml: smallExperiment(lockstep: false), seed: 1)
        let waits = cluster.waits
        PlantedBug.refusedInSilence.plant(in: cluster)
        cluster.waits = waits
        try cluster.run(milliseconds: 100_000)
        #expect(!cluster.refusedForLong.isEmpty && cluster.refusedUnnamed.isEmpty, "\(cluster.refusedUnnamed)")
    }

    /// What does not hold at the end of a seed's run.
    private typealias Violations = (_ seed: UInt64, _ prepare: (SimulatedCluster) -> Void) throws -> [String]

    private func collection() throws -> Violations {
        let undisturbed = try DisturbedRun.Undisturbed()
        return { try DisturbedRun(seed: $0, undisturbed: undisturbed, prepare: $1).violations }
    }

    /// A minute of learning on a poor network.
    private func longLives() -> Violations {
        return { seed, prepare in
            let yaml = smallExperiment(lockstep: seed % 2 == 0, episodes: 100_000, checkpointSeconds: 1)
            var trouble = Trouble(seed)
            let cluster = try SimulatedCluster(yaml: yaml, seed: seed, conditions: trouble.makeConditions())
            prepare(cluster)
            try cluster.run(milliseconds: 60_000)
            return cluster.learning.violations
        }
    }

    private func evaluation() throws -> Violations {
        let reference = try DisturbedEvaluation.Reference()
        return { try DisturbedEvaluation(seed: $0, reference: reference, prepare: $1).violations }
    }

    private func wholeRun() throws -> Violations {
        let references = try WholeRun.References()
        return { try WholeRun(seed: $0, references: references, prepare: $1).violations }
    }
}
