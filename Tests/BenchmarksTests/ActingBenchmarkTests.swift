import Agents
import Benchmarks
import Neural
import Testing

@Suite("The benchmark of acting")
struct ActingBenchmarkTests {
    @Test("acting and learning are measured with equal rows shared and with every row by itself")
    func acting() throws {
        var benchmark = ActingBenchmark()
        benchmark.settings.hidden = [16]
        benchmark.settings.rolloutLength = 3
        benchmark.actors = 4
        benchmark.rollouts = 5
        benchmark.qLambda.hidden = [16]
        let results = try benchmark.run(BenchmarkPlan(repetitions: 2, secondsPerRepetition: 1e-6))
        #expect(
            results.map(\.name) == [
                "acting-distinct-rows", "acting-policy-table", "update-distinct-rows", "update-shared-rows",
                "q-lambda-distinct-rows", "q-lambda-shared-rows",
            ])
        #expect(results.allSatisfy { $0.rates[.transitions]?.count == 2 })
        // Work that was not done is not counted.
        #expect(results.map { $0.rates[.gflops] != nil } == [true, false, true, false, true, false])
    }
}
