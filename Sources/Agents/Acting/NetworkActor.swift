import Environments
import Experience
import Neural

/// Samples actions from the policy that a network's heads say, and computes the network itself.
///
/// The policy of an observation is computed once for each version of the parameters and remembered where it may come
/// again. Where there are few observations, `TabularActor` takes its place.
///
/// Before the first `load` its parameters are zero and what there is of exploration is everything: every action is as
/// likely as the others.
package final class NetworkActor: SourceActor {
    private let observationBytes: Int
    private let policy: PerceptronPolicy
    private let network: PerceptronNetwork
    private let sampler: ActionSampler
    private let weights: FloatBuffer
    private let slots: ObservationSlots
    private let chosenSlots = GrowingBuffer<Int>()
    /// Of each slot.
    private let policies = PolicyBuffers()
    /// Share of random actions.
    private var exploration: Float = 1

    package var count: Int { sampler.count }

    /// `sharesEqualObservations` off computes every row anew, for comparison.
    init(
        _ policy: PerceptronPolicy, environment: EnvironmentDescription, keys: [StreamKey],
        sharesEqualObservations: Bool = true
    ) {
        self.policy = policy
        network = policy.makeNetwork()
        sampler = ActionSampler(
            keys: keys, environment: environment, actions: policy.actions, runExponent: policy.policy.runExponent)
        observationBytes = environment.observationSpace.byteCount
        slots = ObservationSlots(policy.observation, sharesEqual: sharesEqualObservations)
        weights = FloatBuffer(policy.shape.parameterCount)
        chosenSlots.reserve(count)
        forgetPolicies()
    }

    package func load(parameters: UnsafeBufferPointer<Float>) throws {
        let expected = weights.count + (policy.policy.hasExploration ? 1 : 0)
        guard parameters.count == expected, let source = parameters.baseAddress else {
            throw SourceAlgorithmError(
                "expected \(expected) parameters of a network with hidden layers \(policy.shape.hidden), found "
                    + "\(parameters.count)")
        }
        if policy.policy.hasExploration {
            guard 0...1 ~= source[weights.count] else {
                throw SourceAlgorithmError(
                    "expected a share of random actions from 0 to 1, found \(source[weights.count])")
            }
            exploration = source[weights.count]
        }
        weights.start.update(from: source, count: weights.count)
        forgetPolicies()
    }

    package func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        if !slots.isShared { forgetPolicies() }
        let known = slots.count
        for row in 0..<count {
            guard let slot = slots.slot(of: observations + row * observationBytes) else {
                preconditionFailure("actor \(row) observed something outside its observation space")
            }
            chosenSlots.base[row] = slot
        }
        learnPolicies(from: known)
        for row in 0..<count {
            sampler.sample(
                row, from: policies.probabilities.base + chosenSlots.base[row] * policy.actions, episode: episodes[row],
                step: steps[row], into: actions)
        }
    }

    /// Computes the policies of all slots from number `first` on.
    private func learnPolicies(from first: Int) {
        let rows = slots.count - first
        guard rows > 0 else { return }
        network.forward(
            parameters: weights.start, components: slots.components + first * policy.shape.components.count,
            rows: rows)
        policy.policy.fill(
            policies, from: network.heads, width: policy.shape.headWidth, rows: rows, first: first,
            exploration: exploration)
    }

    /// For new parameters, or a step whose observations share no slots.
    private func forgetPolicies() {
        let rows = slots.isShared ? slots.observation.tableSize ?? count : count
        slots.clear(rows: rows)
        policies.reserve(rows: rows, actions: policy.actions)
    }
}
