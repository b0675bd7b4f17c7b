import Distillation
import Environments
import Experience
package import Models
import Neural

/// A distilled model acting in many copies, without an environment: windows that grow, and windows that are full. Each
/// thread has an `InContextPolicy` of its own with its share of the copies.
package struct EvaluatorBenchmark {
    /// The model's dimensions; its parameters are those of an untrained model, since the work does not depend on them.
    package let model: TransformerSettings
    /// Copies in all; each thread has its share of them. A copy is one context that acts by itself, as a seed of a task
    /// does in an evaluation.
    package let copies: Int
    /// Threads that act, and those of the peak.
    package let threads: Int

    /// Where `threads` does not divide `copies`, shares differ by one; with fewer copies than threads, some threads
    /// have nothing to do.
    package init(model: TransformerSettings, copies: Int, threads: Int) {
        self.model = model
        self.copies = copies
        self.threads = threads
    }

    /// The model of the quickstart: Table 1 with 256 hidden units.
    package static var narrowModel: TransformerSettings {
        var settings = TransformerSettings()
        settings.feedForward = 256
        return settings
    }

    /// `growing-windows`: from an empty context to a full one. `full-windows`: every action takes a window that has
    /// slid by one transition and is computed again. Its work is that of a whole forward pass, whatever of it is
    /// skipped. The full windows start from what the growing ones have left: contexts that hold `contextLength`
    /// transitions. Throws what `plan.progress` throws, and what the model refuses.
    package func run(_ plan: BenchmarkPlan) throws -> [BenchmarkResult] {
        let model = try TransformerModel(
            settings: model, spaces: ModelSpaces(BenchmarkStreams.environment), seed: 0)
        let pool = WorkerPool(count: threads)
        let groups = try (0..<threads).map { thread in
            let members = (thread * copies / threads)..<((thread + 1) * copies / threads)
            return try Group(model: model, members: members)
        }
        func act(_ rounds: Int) { pool.run { worker in groups[worker].act(rounds) } }
        let length = self.model.contextLength
        func fill() {
            pool.run { worker in groups[worker].clear() }
            act(length)
        }
        let growing = try measure("growing-windows", transitions: copies * length, plan, fill)
        let work = TransformerArithmetic.forward(model.layout, windows: 1)
        let full = try measure("full-windows", transitions: copies, operationsPerTransition: work, plan) { act(1) }
        return [growing, full]
    }

    /// Times `body`, which makes `transitions` transitions; GFLOP/s are reported where a transition's operations are
    /// given. The peak is sampled before the first repetition and after each. Here the share is of the median of all
    /// samples.
    private func measure(
        _ name: String, transitions: Int, operationsPerTransition: Double? = nil, _ plan: BenchmarkPlan,
        _ body: () -> Void
    ) throws -> BenchmarkResult {
        let calls = plan.warmUp(body)
        let peak = ProductPeak(threads: threads)
        var rates: [Double] = []
        var peaks = [peak.sample()]
        for repetition in 1...plan.repetitions {
            let seconds = secondsTaken { for _ in 0..<calls { body() } }
            rates.append(Double(calls * transitions) / seconds)
            peaks.append(peak.sample())
            try plan.progress("\(name), repetition \(repetition): \(Int(rates[repetition - 1])) transitions a second")
        }
        var all: [BenchmarkResult.Unit: [Double]] = [.transitions: rates]
        var measured = ["peak_gflops": peaks.median]
        if let operationsPerTransition {
            let gflops = rates.map { $0 * operationsPerTransition / 1e9 }
            all[.gflops] = gflops
            measured["share_of_peak"] = gflops.median / peaks.median
        }
        return BenchmarkResult(
            name: name,
            configuration: [
                "copies": .init(copies), "threads": .init(threads), "context_length": .init(model.contextLength),
                "feed_forward": .init(model.feedForward), "token_layout": .text(model.tokenLayout.rawValue), "slide": 1,
            ], rates: all, measured: measured)
    }

    /// One thread's copies, with what they are shown: the same observations and rewards at every step, as nothing
    /// learns from them. Used by one worker of the pool at a time.
    private final class Group {
        /// Owned by one thread while the pool runs; its random numbers are those of its copies' keys, so the number of
        /// threads does not change what is done.
        private let policy: InContextPolicy
        private let observations: [UInt8]
        private let rewards: [Float]
        private var actions: [UInt8]

        init(model: TransformerModel, members: Range<Int>) throws {
            policy = try InContextPolicy(
                model: model, keys: members.map { StreamKey(seed: 0, task: 0, repetition: 0, actor: $0) })
            observations = members.flatMap { [UInt8($0 % 9), UInt8($0 / 9 % 9)] }
            rewards = members.map { $0 % 4 == 0 ? 1 : 0 }
            actions = members.map { _ in 0 }
        }

        /// Empties the contexts of all copies, so that the windows grow again.
        func clear() {
            for copy in 0..<policy.count { policy.clear(copy) }
        }

        func act(_ rounds: Int) {
            for _ in 0..<rounds {
                policy.act(observations: observations, actions: &actions)
                policy.record(rewards: rewards)
            }
        }
    }
}
