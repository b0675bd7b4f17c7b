package import Environments
package import Experience
import Neural

/// Samples actions from the actor-critic's policy, which it computes by its network.
///
/// The policy of an observation is computed once for each version of the parameters and remembered where it may come
/// again. Where there are few observations, `TabularActor` takes its place.
///
/// Before the first `load` its parameters are zero, and every action is as likely as the others.
package final class ActorCriticActor: SourceActor {
    private let observationBytes: Int
    private let shape: ActorCriticShape
    private let network: ActorCriticNetwork
    private let sampler: ActionSampler
    private let weights: FloatBuffer
    private let slots: ObservationSlots
    private let chosenSlots = GrowingBuffer<Int>()
    /// Of each slot.
    private let policies = PolicyBuffers()

    package var count: Int { sampler.count }

    /// `sharesEqualObservations` off computes every row anew, for comparison. Throws `SourceAlgorithmError` for
    /// settings or spaces that the algorithm cannot take.
    package init(
        settings: ActorCriticSettings, environment: EnvironmentDescription, keys: [StreamKey],
        sharesEqualObservations: Bool = true
    ) throws {
        shape = try settings.makeShape(environment: environment)
        network = settings.makeNetwork(shape: shape)
        sampler = ActionSampler(keys: keys, environment: environment, actions: shape.actions)
        observationBytes = environment.observationSpace.byteCount
        slots = ObservationSlots(
            try IntegerComponents(seenBy: environment), sharesEqual: sharesEqualObservations)
        weights = FloatBuffer(shape.parameterCount)
        chosenSlots.reserve(count)
        forgetPolicies()
    }

    package func load(parameters: UnsafeBufferPointer<Float>) throws {
        guard parameters.count == shape.parameterCount, let source = parameters.baseAddress else {
            throw SourceAlgorithmError(
                "expected \(shape.parameterCount) parameters of an actor-critic with hidden layers \(shape.hidden), "
                    + "found \(parameters.count)")
        }
        weights.start.update(from: source, count: parameters.count)
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
                row, from: policies.probabilities.base + chosenSlots.base[row] * shape.actions, episode: episodes[row],
                step: steps[row], into: actions)
        }
    }

    /// Computes the policies of all slots from number `first` on.
    private func learnPolicies(from first: Int) {
        let rows = slots.count - first
        guard rows > 0 else { return }
        network.forward(
            parameters: weights.start, components: slots.components + first * shape.components.count, rows: rows)
        policies.fill(from: network.heads, shape: shape, rows: rows, first: first)
    }

    /// For new parameters, or a step whose observations share no slots.
    private func forgetPolicies() {
        let rows = slots.isShared ? slots.observation.tableSize ?? count : count
        slots.clear(rows: rows)
        policies.reserve(rows: rows, actions: shape.actions)
    }
}
