import Simulation
import Testing

@Suite("Bugs that were planted") struct PlantedBugTests {
    /// A bug that so many seeds do not find is not found.
    private static let seedLimit: UInt64 = 300

    @Test("the simulation finds each, and finds nothing without it", arguments: PlantedBug.allCases)
    func find(bug: PlantedBug) throws {
        let undisturbed = try DisturbedRun.undisturbed()
        for seed in 1...Self.seedLimit {
            let run = try DisturbedRun(seed: seed, undisturbed: undisturbed) { bug.plant(in: $0) }
            guard let violation = run.violations.first else { continue }
            print("planted: \(bug.rawValue) found by seed \(seed): \(violation.prefix(160))")
            let sound = try DisturbedRun(seed: seed, undisturbed: undisturbed)
            #expect(sound.violations.isEmpty, "\(sound.violations)")
            return
        }
        Issue.record("\(bug.rawValue) was not found by \(Self.seedLimit) seeds")
    }
}
