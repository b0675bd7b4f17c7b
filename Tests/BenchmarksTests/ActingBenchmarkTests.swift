import Agents
import Benchmarks
import Environments
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

    @Test("a step on pictures is measured, once a round of rollouts")
    func images() throws {
        var benchmark = ActingBenchmark()
        var encoder = ResidualEncoder.Settings()
        (encoder.channels, encoder.blocks, encoder.units) = ([2, 4], 1, 8)
        benchmark.qLambda.encoder = ImageEncoderChoice(ResidualEncoder.self, encoder)
        var pool = WatermazeSettings()
        (pool.width, pool.height) = (12, 10)
        let plan = BenchmarkPlan(repetitions: 2, secondsPerRepetition: 1e-6)
        let results = try benchmark.runOnImages(threads: 2, settings: pool, plan)
        #expect(results.map(\.name) == ["q-lambda-images"])
        #expect(results[0].rates[.transitions]?.count == 2 && results[0].rates[.gflops] == nil)
        #expect(results[0].configuration["image"] == .text("10 x 12") && results[0].configuration["threads"] == 2)
    }
}
