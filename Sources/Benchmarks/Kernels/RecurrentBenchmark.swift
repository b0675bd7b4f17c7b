import CKernels
import Neural

/// A recurrent actor-critic without its environment and without what asks for its gradients: acting for all actors, and a
/// step of learning from their rollouts. The actors are shared among threads, as a batch of sequences is.
///
/// By default 2 layers of 256 units over 32 inputs, as many as a room's observation, the previous action, its reward and
/// the mark of an episode's begin need, with a linear head for 5 actions and a value.
package struct RecurrentBenchmark {
    /// Of the two results.
    package static let names = ["lstm-acting", "lstm-update"]
    package var actors = 256
    /// Steps of a rollout.
    package var steps = 20
    package var inputs = 32
    package var units = 256
    package var layers = 2
    package let threads: Int
    private static let heads = 6

    package init(threads: Int) { self.threads = threads }

    /// Of one step of one actor, forward.
    private var operations: Double {
        let first: Int = 4 * units * (inputs + units)
        let others: Int = (layers - 1) * 8 * units * units
        return Double(2 * (first + others + units * Self.heads))
    }

    /// Transitions a second, and GFLOP/s beside the machine's peak on as many threads, of those of both whose names
    /// contain `word`. Throws what the plan's functions throw.
    package func run(_ plan: BenchmarkPlan, containing word: String = "") throws -> [BenchmarkResult] {
        let network = Network(self)
        let wanted = Self.names.filter { word.isEmpty || $0.contains(word) }
        return try wanted.map { name in
            let isActing = name == Self.names[0]
            let workers = Workers(self, network, isActing: isActing)
            return try measure(
                name, transitions: isActing ? actors : actors * steps,
                operations: (isActing ? 1 : 3) * operations, plan, isActing ? workers.act : workers.learn)
        }
    }

    private func measure(
        _ name: String, transitions: Int, operations: Double, _ plan: BenchmarkPlan, _ body: () -> Void
    ) throws -> BenchmarkResult {
        let peak = ProductPeak(threads: threads)
        let calls = plan.warmUp(body)
        var (rates, peaks, shares): ([Double], [Double], [Double]) = ([], [peak.sample()], [])
        for _ in 0..<plan.repetitions {
            try plan.mayGoOn()
            let seconds = secondsTaken { for _ in 0..<calls { body() } }
            rates.append(Double(calls * transitions) / seconds)
            peaks.append(peak.sample())
            let around = (peaks[peaks.count - 2] + peaks[peaks.count - 1]) / 2
            shares.append(rates[rates.count - 1] * operations / 1e9 / around)
        }
        try plan.progress("\(name): \(Int(rates.median)) transitions a second")
        return BenchmarkResult(
            name: name,
            configuration: [
                "actors": .init(actors), "steps": .init(transitions / actors), "inputs": .init(inputs),
                "units": .init(units), "layers": .init(layers), "threads": .init(threads),
            ], rates: [.transitions: rates, .gflops: rates.map { $0 * operations / 1e9 }],
            measured: ["share_of_peak": shares.median, "peak_gflops": peaks.median])
    }

    /// The network with made-up parameters, as small as those of one that is trained.
    private final class Network {
        let lstm: LSTM
        let head: Int
        let headBias: Int
        let parameters: FloatBuffer

        init(_ sizes: RecurrentBenchmark) {
            var layout = ParameterLayout()
            lstm = LSTM(
                LSTMLayout(inputs: sizes.inputs, units: sizes.units, layers: sizes.layers, addingTo: &layout))
            head = layout.add("head.weight", [RecurrentBenchmark.heads, sizes.units])
            headBias = layout.add("head.bias", [RecurrentBenchmark.heads])
            parameters = KernelBenchmark.noise(layout.count)
            for index in 0..<layout.count { parameters.start[index] *= 0.1 }
        }
    }

    /// The threads with the actors of each, and what they share: weights that all pack together, and Adam's moments.
    private final class Workers {
        private let network: Network
        private let weights: LSTMWeights
        private let pool: WorkerPool
        private let actors: [Actors]
        private let first, second: FloatBuffer

        init(_ sizes: RecurrentBenchmark, _ network: Network, isActing: Bool) {
            let count = network.parameters.count
            self.network = network
            weights = LSTMWeights(network.lstm.layout, training: !isActing)
            weights.pack(network.parameters.start)
            pool = WorkerPool(count: sizes.threads)
            (first, second) = (FloatBuffer(count), FloatBuffer(count))
            let steps = isActing ? 1 : sizes.steps
            let shares = (0...sizes.threads).map { sizes.actors * $0 / sizes.threads }
            actors = (0..<sizes.threads).map { worker in
                Actors(sizes, network, count: shares[worker + 1] - shares[worker], steps: steps)
            }
        }

        /// A step of every actor. The weights are packed once, as for each version of a policy.
        func act() { pool.run { worker in actors[worker].act(network, weights) } }

        /// Forward, backward, the sum of the gradients, and Adam.
        func learn() {
            let parameters = network.parameters
            pool.run { worker in weights.pack(parameters.start, first: worker, step: pool.count) }
            pool.run { worker in actors[worker].learn(network, weights) }
            pool.run { worker in
                let lines = parameters.count / 16
                let (begin, end) = (lines * worker / pool.count, lines * (worker + 1) / pool.count)
                let range = (16 * begin)..<(16 * end)
                for other in actors.dropFirst() {
                    ck_take(
                        actors[0].gradients.start + range.lowerBound, other.gradients.start + range.lowerBound,
                        range.count)
                }
                Adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-8).update(
                    parameters, gradient: actors[0].gradients, first: first, second: second, range: range, step: 100,
                    rate: 1e-6)
            }
        }
    }

    /// Some of the actors: their states, or their rollouts with all that a backward pass keeps.
    private final class Actors {
        let gradients: FloatBuffer
        private let count, steps, units: Int
        private let hidden, cells, scratch, x, heads, headGradient: FloatBuffer
        private let arena: LSTMArena

        init(_ sizes: RecurrentBenchmark, _ network: Network, count: Int, steps: Int) {
            let state = count * sizes.units
            self.count = count
            self.steps = steps
            units = sizes.units
            gradients = FloatBuffer(network.parameters.count)
            (hidden, cells) = (FloatBuffer(sizes.layers * state), FloatBuffer(sizes.layers * state))
            scratch = FloatBuffer(state)
            x = KernelBenchmark.noise(steps * count * sizes.inputs)
            heads = FloatBuffer(steps * count * RecurrentBenchmark.heads)
            headGradient = KernelBenchmark.noise(steps * count * RecurrentBenchmark.heads)
            arena = LSTMArena(network.lstm.layout, steps: steps, sequences: count, packsWeights: false)
        }

        func act(_ network: Network, _ weights: LSTMWeights) {
            let given = network.lstm.step(
                weights, x.start, sequences: count, state: LSTM.State(hidden: hidden.start, cells: cells.start),
                scratch: scratch.start)
            findHeads(network, given)
        }

        private func findHeads(_ network: Network, _ given: UnsafePointer<Float>) {
            let (rows, outputs) = (steps * count, RecurrentBenchmark.heads)
            Linear.forward(
                given, weight: network.parameters.start + network.head, into: heads.start, rows: rows, inputs: units,
                outputs: outputs)
            Linear.addBias(
                network.parameters.start + network.headBias, to: heads.start, rows: rows, outputs: outputs)
        }

        /// Adds the rollouts' gradient to `gradients`; that of the heads is made up.
        func learn(_ network: Network, _ weights: LSTMWeights) {
            let (lstm, parameters) = (network.lstm, network.parameters.start)
            let (rows, outputs) = (steps * count, RecurrentBenchmark.heads)
            lstm.forward(
                parameters, x.start, steps: steps, sequences: count, initial: nil, arena: arena, weights: weights)
            let given = lstm.output(arena, sequences: count)
            findHeads(network, given)
            Linear.weightGradient(
                headGradient.start, given, into: gradients.start + network.head, rows: rows, inputs: units,
                outputs: outputs)
            Linear.biasGradient(
                headGradient.start, into: gradients.start + network.headBias, rows: rows, outputs: outputs)
            Linear.inputGradient(
                headGradient.start, weight: parameters + network.head, into: lstm.outputGradient(arena), rows: rows,
                inputs: units, outputs: outputs)
            lstm.backward(
                parameters, gradients: gradients.start, x.start, steps: steps, sequences: count, arena: arena,
                weights: weights)
        }
    }
}
