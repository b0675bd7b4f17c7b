import Environments
import Experience
import Neural

/// Acts epsilon-greedily by action values that remember: the state of each stream is carried from step to step, is zero at a
/// trial's begin, and goes on as it is under new parameters.
///
/// An action depends on what the stream's trial has brought, not on the streams beside it. Before the first `load` every
/// action is as likely as the others.
package final class RecurrentValueActor: SourceActor {
    package let seesStored: Bool
    private let layout: RecurrentValuesLayout
    private let environment: EnvironmentDescription
    private let policy: NetworkPolicy
    private let sampler: ActionSampler
    private let weights: FloatBuffer
    private let sight: any ObservationNetwork
    private let memory: SteppedLSTM
    private let head: ValueHead
    private let policies = PolicyBuffers()
    /// (B, inputs)
    private let inputs: FloatBuffer
    /// (B, `contextNumbers`) of the next row.
    private let contexts: FloatBuffer
    /// (B): of the last action.
    private var actionOfRow: [Int32]
    /// Share of random actions.
    private var exploration: Float = 1

    package var count: Int { sampler.count }

    init(
        _ layout: RecurrentValuesLayout, policy: NetworkPolicy, environment: EnvironmentDescription, keys: [StreamKey]
    ) {
        self.layout = layout
        self.policy = policy
        self.environment = environment
        seesStored = layout.sight.seesStored
        weights = FloatBuffer(layout.parameters.count)
        sight = layout.makeSight(
            weights: weights, images: max(1, keys.count), pool: WorkerPool(count: 1), dropoutKey: nil)
        memory = SteppedLSTM(layout.lstm, sequences: keys.count, components: 0)
        head = ValueHead(layout)
        sampler = ActionSampler(
            keys: keys, environment: environment, actions: layout.actions, runExponent: policy.runExponent)
        policies.reserve(rows: keys.count, actions: layout.actions)
        inputs = FloatBuffer(keys.count * layout.lstm.inputs)
        contexts = FloatBuffer(keys.count * RecurrentValuesLayout.contextNumbers)
        actionOfRow = Array(repeating: 0, count: keys.count)
        for row in keys.indices { RecurrentValuesLayout.beginContext(context(row)) }
    }

    private func context(_ row: Int) -> UnsafeMutablePointer<Float> {
        contexts.start + row * RecurrentValuesLayout.contextNumbers
    }

    /// Takes over parameters, and behind them the share of random actions.
    package func load(parameters: UnsafeBufferPointer<Float>) throws {
        exploration = try ActionValues.take(parameters, into: weights)
        sight.parametersHaveChanged()
        memory.load(weights.start)
        head.load(weights.start)
    }

    package func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        let features = sight.values(of: observations, rows: count)
        for row in 0..<count {
            if steps[row] == 0 {
                if environment.beginsTrial(episodes[row]) {
                    memory.clear(row)
                    RecurrentValuesLayout.beginContext(context(row))
                }
                context(row)[2] = 1
            }
            layout.writeInput(
                features + row * layout.sight.width, context: context(row),
                into: inputs.start + row * layout.lstm.inputs)
        }
        let heads = head.values(of: memory.step(inputs.start), rows: count)
        policy.fill(policies, from: heads, width: head.width, rows: count, exploration: exploration)
        for row in 0..<count {
            sampler.sample(
                row, from: policies.probabilities.base + row * layout.actions, episode: episodes[row],
                step: steps[row], into: actions)
            actionOfRow[row] = Int32(
                truncatingIfNeeded: environment.actionSpace.integer(
                    at: 0, of: actions + row * environment.actionSpace.byteCount))
        }
    }

    package func receive(rewards: UnsafePointer<Float>) {
        for row in 0..<count {
            RecurrentValuesLayout.advance(
                context(row), action: actionOfRow[row], reward: rewards[row], following: .row)
        }
    }

    /// What is remembered of stream number `index`: hidden units (L, H), then cells likewise. For comparison.
    package func state(of index: Int) -> [Float] { memory.state(of: index) }
}

/// The linear layer behind a memory, for acting: a row has the same bits whatever rows stand beside it.
final class ValueHead {
    /// Actions, padded: floats from one row of values to the next.
    let width: Int
    private let layout: RecurrentValuesLayout
    /// (H, width) and (width), padded with zeros.
    private let weight: FloatBuffer
    private let bias: FloatBuffer
    /// (rows, width)
    private let values = GrowingBuffer<Float>()

    init(_ layout: RecurrentValuesLayout) {
        self.layout = layout
        width = (layout.actions + 15) & ~15
        weight = FloatBuffer(layout.lstm.units * width)
        bias = FloatBuffer(width)
    }

    func load(_ parameters: UnsafePointer<Float>) {
        let units = layout.lstm.units
        for action in 0..<layout.actions {
            bias.start[action] = parameters[layout.headBias + action]
            for unit in 0..<units {
                weight.start[unit * width + action] = parameters[layout.headWeight + action * units + unit]
            }
        }
    }

    /// (rows, width) of hidden units (rows, H): valid until the next call.
    func values(of hidden: UnsafePointer<Float>, rows: Int) -> UnsafePointer<Float> {
        let units = layout.lstm.units
        values.reserve(rows * width)
        Product.plain(
            hidden, stride: units, weight.start, stride: width, into: values.base, stride: width, rows: rows,
            columns: width, depth: units)
        Linear.addBias(bias.start, to: values.base, rows: rows, outputs: width)
        return UnsafePointer(values.base)
    }
}
