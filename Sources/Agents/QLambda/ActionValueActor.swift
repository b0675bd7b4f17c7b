import Environments
import Experience
import Neural

/// Acts epsilon-greedily by a network of action values that looks at states or pictures: those of all actors of a process
/// go through it at once.
///
/// Before the first `load` its parameters are zero, and every action is as likely as the others.
final class ActionValueActor: SourceActor {
    let seesStored: Bool
    private let values: ActionValues
    private let network: any ObservationNetwork
    private let weights: FloatBuffer
    private let sampler: ActionSampler
    private let policies = PolicyBuffers()
    /// Share of random actions.
    private var exploration: Float = 1

    var count: Int { sampler.count }

    /// `values`: of a network that looks at no integers.
    init(_ values: ActionValues, environment: EnvironmentDescription, keys: [StreamKey]) {
        self.values = values
        weights = FloatBuffer(values.parameterCount)
        switch values.network {
        case .integers, .recurrent:
            preconditionFailure("actors that look at integers or remember have their own networks")
        case .state(let features, let shape, let activation):
            seesStored = true
            network = StateNetwork(features, shape, activation, weights: weights)
        case .images(let layout):
            seesStored = false
            network = ImageNetwork(
                layout, weights: weights, images: max(1, keys.count), pool: WorkerPool(count: 1), dropoutKey: nil)
        }
        sampler = ActionSampler(
            keys: keys, environment: environment, actions: values.actions, runExponent: values.policy.runExponent)
        policies.reserve(rows: keys.count, actions: values.actions)
    }

    /// Takes over parameters, and behind them the share of random actions.
    func load(parameters: UnsafeBufferPointer<Float>) throws {
        exploration = try ActionValues.take(parameters, into: weights)
        network.parametersHaveChanged()
    }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        let heads = network.values(of: observations, rows: count)
        values.policy.fill(
            policies, from: heads, width: values.headWidth, rows: count, exploration: exploration)
        for row in 0..<count {
            sampler.sample(
                row, from: policies.probabilities.base + row * values.actions, episode: episodes[row], step: steps[row],
                into: actions)
        }
    }
}
