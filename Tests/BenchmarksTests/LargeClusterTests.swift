import Benchmarks
import Foundation
import TestSupport
import Testing

@Suite("A simulated collection of many nodes") struct LargeClusterTests {
    @Test("comes to its end with every stream, and with every lease accounted for, whoever dies") func deaths() throws {
        var benchmark = LargeClusterBenchmark()
        benchmark.actorProcesses = 40
        benchmark.learners = 3
        benchmark.lifetimes = 20
        benchmark.actorsPerLifetime = 20
        benchmark.deathsPerSecond = 2
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("large-cluster-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var said: [String] = []
        // It throws where a stream is missing or a lease is unaccounted for.
        let measured = try benchmark.run(in: folder) { said.append($0) }.measured
        #expect(measured["streams"] == 400 && measured["transitions"] == 400 * 50_000)
        #expect(said.last?.hasPrefix("20 of 20 lifetimes") == true)
        let (given, finished) = (measured["leases"] ?? 0, measured["leases_finished"] ?? 0)
        let (lost, takenBack) = (measured["leases_lost_with_holder"] ?? 0, measured["leases_taken_back"] ?? 0)
        #expect(given == finished + lost + takenBack && lost > 0 && takenBack > 0)
        // Each lifetime is one lease of a learner and at least five of processes with four actors each.
        #expect(finished >= 20 * 6)
    }
}
