import Experience
import Simulation
import Testing

extension SimulatedCluster {
    var lifetimes: Set<LifetimeIdentifier> { journal.ended }

    /// Everything that is promised of a run that has come to its end.
    func checkEnd(_ seed: UInt64) throws {
        let violations = try violations()
        try #require(violations.isEmpty, "DISTILLERY_TEST_SEED=\(seed): \(violations.prefix(4))")
    }
}
