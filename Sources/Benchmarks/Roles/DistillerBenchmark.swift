import Distillation
package import Models
import Neural
import Processes
import Settings

/// The trainer timed as it is: windows drawn, forward, backward, clipping and Adam, on made-up streams in memory. Its
/// GFLOP/s are those of the model's own count of operations, three times the forward pass's, so time spent elsewhere lowers them. A step of Table 1's model, 64
/// windows of 100 transitions, is 43.8 GFLOP.
package struct DistillerBenchmark {
    /// Names the result, and one of `models` where the model is one of those.
    package let name: String
    /// The kind of model and its dimensions; its parameters are drawn from seed 0.
    package let model: ModelChoice
    /// Windows of an optimiser step.
    package let batchSize: Int
    /// Worker threads of the trainer, and of the peak that it is compared with.
    package let threads: Int
    /// Optimiser steps over which the memory is watched before anything is timed; 0 watches the warm-up alone.
    package var watchedSteps = 0
    /// Streams and episodes of a stream that windows are drawn from: 20 transitions an episode. The defaults are
    /// 2,000,000 transitions: 14 MB, more than a core's cache holds, so that drawing windows misses it as it does in a
    /// run.
    package var streams = 100
    package var episodes = 1000

    /// The training settings are the defaults but for the batch and the threads; dropout is the model's own.
    package init(name: String, model: ModelChoice, batchSize: Int, threads: Int) {
        self.name = name
        self.model = model
        self.batchSize = batchSize
        self.threads = threads
    }

    /// Models by name: the paper's Table 1, the quickstart's narrow one, the narrow one with three tokens a transition, and
    /// LSTM-AD. `narrow` is 256 feed-forward units instead of 2048.
    package static let models: [(name: String, choice: ModelChoice)] = {
        var narrow = TransformerSettings()
        narrow.feedForward = 256
        var separate = narrow
        separate.tokenLayout = .separate
        return [
            ("table-1", ModelChoice(Transformer.self)), ("feed-forward-256", ModelChoice(Transformer.self, narrow)),
            ("separate-tokens", ModelChoice(Transformer.self, separate)), ("lstm-ad", ModelChoice(LSTMModelKind.self)),
        ]
    }()

    /// Steps of the warm-up before the memory is looked at.
    private static let warmUpSteps = 3

    /// Measures tokens a second, and the share of the machine's own peak between the repetitions. The share is the
    /// median of each repetition's GFLOP/s to the mean of the peaks before and after it. `measured` also has the memory
    /// in megabytes (1e6 bytes) and the operations of a step. Throws what the trainer or `plan.progress` throws.
    package func run(_ plan: BenchmarkPlan) throws -> BenchmarkResult {
        ResidentMemory.forgetPeak()
        let data = try BenchmarkStreams.make(streams: streams, episodes: episodes)
        let spaces = try ModelSpaces(BenchmarkStreams.environment)
        let trainer = try makeTrainer(model.make(spaces, seed: 0), data)
        var measured = try watchMemory(trainer, plan)
        measured["data_megabytes"] = data.megabytes
        let peak = ProductPeak(threads: threads)
        let steps = try plan.warmUp { _ = try trainer.step() }
        let operations = 3 * Double(batchSize) * (try model.forwardOperations(spaces))
        var tokens: [Double] = []
        var gflops: [Double] = []
        var shares: [Double] = []
        var peaks = [peak.sample()]
        for repetition in 1...plan.repetitions {
            let seconds = try secondsTaken { for _ in 0..<steps { _ = try trainer.step() } }
            peaks.append(peak.sample())
            tokens.append(Double(steps * batchSize * model.dimensions.tokens) / seconds)
            gflops.append(operations * Double(steps) / seconds / 1e9)
            shares.append(gflops[repetition - 1] / ((peaks[repetition - 1] + peaks[repetition]) / 2))
            try plan.progress(
                "\(name), repetition \(repetition): \(Int(tokens[repetition - 1])) tokens a second, "
                    + "\(Int(gflops[repetition - 1])) GFLOP/s, \(Int(100 * shares[repetition - 1])) % of the peak")
        }
        measured["share_of_peak"] = shares.median
        measured["peak_gflops"] = peaks.median
        measured["gflop_per_step"] = operations / 1e9
        return BenchmarkResult(
            name: name, configuration: configuration, rates: [.tokens: tokens, .gflops: gflops], measured: measured)
    }

    /// A trainer that never ends by itself. Its data stay the caller's, in memory; nothing is read from a disk and no
    /// checkpoint is written.
    private func makeTrainer(_ model: any SequenceModel, _ data: StreamStore) throws -> Trainer {
        var training = TrainingSettings()
        training.batchSize = batchSize
        training.threads = threads
        training.steps = 1_000_000_000
        return try Trainer(
            model: model, training: training, windows: WindowSettings(), data: data)
    }

    /// Megabytes after the warm-up, at every tenth of `watchedSteps`, and at the most. Resident memory is that of the
    /// whole process, and a growth from one tenth to the next shows a leak.
    private func watchMemory(_ trainer: Trainer, _ plan: BenchmarkPlan) throws -> [String: Double] {
        for _ in 0..<Self.warmUpSteps { _ = try trainer.step() }
        var found = ["resident_megabytes": ResidentMemory.now().megabytes]
        let interval = max(1, watchedSteps / 10)
        for step in 0..<watchedSteps {
            _ = try trainer.step()
            guard (step + 1) % interval == 0 || step + 1 == watchedSteps else { continue }
            let megabytes = ResidentMemory.now().megabytes
            found["resident_megabytes_at_step_\(step + 1)"] = megabytes
            try plan.progress("\(name), step \(step + 1): \(Int(megabytes)) MB resident")
        }
        found["peak_resident_megabytes"] = ResidentMemory.now().peakMegabytes
        return found
    }

    /// What the result says of its model and its training, for comparison with other results.
    private var configuration: [String: BenchmarkResult.Setting] {
        let common: [String: BenchmarkResult.Setting] = [
            "context_length": .init(model.dimensions.contextLength), "batch_size": .init(batchSize),
            "threads": .init(threads),
        ]
        return dimensions.merging(common) { $1 }
    }

    private var dimensions: [String: BenchmarkResult.Setting] {
        if let lstm = model.settings as? LSTMSettings {
            return [
                "embedding": .init(lstm.embedding), "units": .init(lstm.units), "layers": .init(lstm.layers),
                "mlp_depth": .init(lstm.mlpDepth), "mlp_width": .init(lstm.mlpWidth),
            ]
        }
        guard let transformer = model.settings as? TransformerSettings else { return [:] }
        return [
            "model_dimension": .init(transformer.modelDimension), "layers": .init(transformer.layers),
            "heads": .init(transformer.heads), "feed_forward": .init(transformer.feedForward),
            "token_layout": .text(transformer.tokenLayout.rawValue),
            "embedding_dropout": .number(transformer.embeddingDropout),
            "attention_dropout": .number(transformer.attentionDropout),
            "residual_dropout": .number(transformer.residualDropout),
        ]
    }
}
