import Environments
import Experience
import Neural

/// Samples actions from a network with memory, whose state it carries from step to step: zero at a trial's begin, and
/// under new parameters it goes on as it is.
///
/// An action depends on what the stream's trial has brought, not on the streams beside it. Before the first `load`
/// every action is as likely as the others.
package final class RecurrentActor: SourceActor {
    private let policy: RecurrentPolicy
    private let sampler: ActionSampler
    private let network: any SteppedMemory
    private let policies = PolicyBuffers()
    /// (H, `headWidth`) and (`headWidth`), padded with zeros.
    private let head: FloatBuffer
    private let headBias: FloatBuffer
    private let headWidth: Int
    /// (B, `headWidth`)
    private let heads: FloatBuffer
    /// (B, components)
    private let inputs = GrowingBuffer<Int32>()
    /// (B): what came before, an action below 0 where nothing did.
    private var previousActions: [Int32]
    private var previousRewards: [Float]
    /// What the logits are multiplied by.
    private var sharpness: Float = 1

    package var count: Int { sampler.count }

    init(_ policy: RecurrentPolicy, keys: [StreamKey]) {
        self.policy = policy
        sampler = ActionSampler(keys: keys, environment: policy.environment, actions: policy.actions)
        network = policy.makeSteppedMemory(sequences: keys.count)
        headWidth = (policy.outputs + 15) & ~15
        head = FloatBuffer(policy.width * headWidth)
        headBias = FloatBuffer(headWidth)
        heads = FloatBuffer(keys.count * headWidth)
        previousActions = Array(repeating: -1, count: keys.count)
        previousRewards = Array(repeating: 0, count: keys.count)
        inputs.reserve(keys.count * policy.components)
        policies.reserve(rows: keys.count, actions: policy.actions)
    }

    package func load(parameters: UnsafeBufferPointer<Float>) throws {
        guard parameters.count == policy.parameters.count, let source = parameters.baseAddress else {
            throw SourceAlgorithmError(
                "expected \(policy.parameters.count) parameters of \(policy.networkName), found \(parameters.count)")
        }
        network.load(source)
        let units = policy.width
        for output in 0..<policy.outputs {
            let scale = output < policy.actions ? sharpness : 1
            headBias.start[output] = scale * source[policy.headBias + output]
            for unit in 0..<units {
                head.start[unit * headWidth + output] = scale * source[policy.headWeight + output * units + unit]
            }
        }
    }

    package func setTemperature(_ temperature: Double) throws {
        guard temperature > 0, temperature.isFinite else {
            throw SourceAlgorithmError("expected a temperature above 0, found \(temperature)")
        }
        sharpness = Float(1 / temperature)
    }

    package func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        let (environment, units) = (policy.environment, policy.width)
        for row in 0..<count {
            if steps[row] == 0, environment.beginsTrial(episodes[row]) { forget(row) }
            let inputs = inputs.base + row * policy.components
            let observation = observations + row * policy.observation.byteCount
            guard policy.observation.read(observation, rows: inputs) != nil else {
                preconditionFailure("actor \(row) observed something outside its observation space")
            }
            policy.writeContext(inputs, previousAction: previousActions[row], beginsEpisode: steps[row] == 0)
        }
        let hidden = network.step(inputs: inputs.base, numbers: previousRewards)
        Product.plain(
            hidden, stride: units, head.start, stride: headWidth, into: heads.start, stride: headWidth, rows: count,
            columns: headWidth, depth: units)
        Linear.addBias(headBias.start, to: heads.start, rows: count, outputs: headWidth)
        policies.fill(from: heads.start, headWidth: headWidth, rows: count, actions: policy.actions)
        for row in 0..<count {
            sampler.sample(
                row, from: policies.probabilities.base + row * policy.actions, episode: episodes[row],
                step: steps[row], into: actions)
            previousActions[row] = Int32(
                truncatingIfNeeded: environment.actionSpace.integer(
                    at: 0, of: actions + row * environment.actionSpace.byteCount))
        }
    }

    package func receive(rewards: UnsafePointer<Float>) {
        for row in 0..<count { previousRewards[row] = rewards[row] }
    }

    private func forget(_ row: Int) {
        network.clear(row)
        previousActions[row] = -1
        previousRewards[row] = 0
    }

    /// What is remembered of stream number `index`: an LSTM's hidden units (layers, H), then its cells likewise; a
    /// transformer's keys (blocks, rows, D). For comparison.
    package func state(of index: Int) -> [Float] { network.state(of: index) }

    /// Logits and value of the last step of stream number `index`. For comparison.
    package func outputs(of index: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: heads.start + index * headWidth, count: policy.outputs))
    }
}
