package import Environments
import Neural

/// Samples actions from the actor-critic's policy.
///
/// The policy of an observation is computed once for each version of the parameters and remembered, so that a step of a
/// hundred actors mostly costs a look into a table and one random number each.
package final class ActorCriticActor: SourceActor {
    package let count: Int
    private let observationBytes: Int
    private let actionType: ElementType
    private let shape: ActorCriticShape
    private let network: ActorCriticNetwork
    private let generators: [Philox]
    private let weights: FloatBuffer
    private let slots: ObservationSlots
    private let chosenSlots = GrowingBuffer<Int>()
    /// (slots, actions), their logarithms likewise, and (slots): what is known of each slot's policy.
    private let probabilities = GrowingBuffer<Float>()
    private let logProbabilities = GrowingBuffer<Float>()
    private let entropies = GrowingBuffer<Float>()

    /// `sharesEqualObservations` off computes every row anew, for comparison. Throws `SourceAlgorithmError` for
    /// settings or spaces that the algorithm cannot take.
    package init(
        settings: ActorCriticSettings, environment: EnvironmentDescription, keys: [StreamKey],
        sharesEqualObservations: Bool = true
    ) throws {
        shape = try settings.makeShape(environment: environment)
        network = settings.makeNetwork(shape: shape)
        count = keys.count
        generators = keys.map { Philox($0) }
        observationBytes = environment.observationSpace.byteCount
        actionType = environment.actionSpace.elementType
        slots = ObservationSlots(
            try DiscreteObservation(environment.observationSpace), sharesEqual: sharesEqualObservations)
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
            let uniform = generators[row].uniform(.policy, episode: episodes[row], step: steps[row])
            let action = sample(probabilities.base + chosenSlots.base[row] * shape.actions, uniform)
            if actionType == .uint8 {
                actions.storeBytes(of: UInt8(truncatingIfNeeded: action), toByteOffset: row, as: UInt8.self)
            } else {
                actions.storeBytes(of: Int32(truncatingIfNeeded: action), toByteOffset: 4 * row, as: Int32.self)
            }
        }
    }

    /// Computes the policies of all slots from number `first` on.
    private func learnPolicies(from first: Int) {
        let rows = slots.count - first
        guard rows > 0 else { return }
        network.forward(
            parameters: weights.start, components: slots.components + first * shape.components.count, rows: rows)
        softmaxPolicy(
            heads: network.heads, shape: shape, rows: rows, probabilities: probabilities.base + first * shape.actions,
            logProbabilities: logProbabilities.base + first * shape.actions, entropies: entropies.base + first)
    }

    private func forgetPolicies() {
        let rows = slots.isShared ? slots.observation.tableSize ?? count : count
        slots.clear(rows: rows)
        probabilities.reserve(rows * shape.actions)
        logProbabilities.reserve(rows * shape.actions)
        entropies.reserve(rows)
    }

    /// The first action at which the cumulative probability exceeds `uniform` in [0, 1).
    @inline(__always)
    private func sample(_ probabilities: UnsafePointer<Float>, _ uniform: Float) -> Int {
        var cumulative: Float = 0
        for action in 0..<(shape.actions - 1) {
            cumulative += probabilities[action]
            if uniform < cumulative { return action }
        }
        return shape.actions - 1
    }
}
