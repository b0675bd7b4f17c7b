import Benchmarks
import Distillation
import Models
import Neural
import Testing

@Suite("Benchmarks of the sequence model")
struct ModelBenchmarkTests {
    let plan = BenchmarkPlan(repetitions: 2, secondsPerRepetition: 1e-6)

    func tinyModel() -> TransformerSettings {
        var settings = TransformerSettings()
        settings.contextLength = 6
        settings.modelDimension = 24
        settings.layers = 2
        settings.heads = 3
        settings.feedForward = 40
        return settings
    }

    func tinyLSTM() -> LSTMSettings {
        var settings = LSTMSettings()
        settings.contextLength = 6
        (settings.embedding, settings.units, settings.mlpWidth) = (8, 24, 20)
        return settings
    }

    @Test(
        "the distiller's benchmark gives tokens, work and memory, watched over the steps asked for",
        arguments: ["transformer", "lstm"])
    func distiller(kind: String) throws {
        let model =
            kind == "lstm"
            ? ModelChoice(LSTMModelKind.self, tinyLSTM()) : ModelChoice(Transformer.self, tinyModel())
        var benchmark = DistillerBenchmark(name: "tiny", model: model, batchSize: 3, threads: 1)
        benchmark.streams = 2
        benchmark.episodes = 5
        benchmark.watchedSteps = 4
        let result = try benchmark.run(plan)
        #expect(result.name == "tiny")
        #expect(result.configuration["batch_size"] == 3)
        #expect(result.rates[.tokens]?.count == 2 && result.rates[.gflops]?.count == 2)
        let expected = [
            "share_of_peak", "peak_gflops", "gflop_per_step", "data_megabytes", "resident_megabytes",
            "peak_resident_megabytes",
        ]
        #expect(Set(result.measured.keys) == Set(expected + (1...4).map { "resident_megabytes_at_step_\($0)" }))
        #expect(result.measured.values.allSatisfy { $0 > 0 })
    }

    @Test("the work of a step is that of its linear layers and of the causal half of its attention")
    func arithmetic() throws {
        let model = try TransformerModel(
            settings: tinyModel(), spaces: ModelSpaces(BenchmarkStreams.environment), seed: 0)
        // D 24, FF 40, 2 layers, 5 actions, 6 tokens: linear parameters, then 21 pairs of tokens.
        let linear = 6 * 6 * (2 * (4 * 24 * 24 + 2 * 24 * 40) + 24 * 5)
        let attention = 3 * 2 * 2 * (2 * 21 * 24)
        #expect(TransformerArithmetic.training(model.layout, windows: 7) == Double(7 * (linear + attention)))
    }

    @Test("the evaluator's benchmark measures windows that grow and windows that are full")
    func evaluator() throws {
        let results = try EvaluatorBenchmark(model: tinyModel(), copies: 3, threads: 2).run(plan)
        #expect(results.map(\.name) == ["growing-windows", "full-windows"])
        #expect(results.allSatisfy { $0.rates[.transitions]?.count == 2 && ($0.rates[.transitions]?.median ?? 0) > 0 })
    }
}
