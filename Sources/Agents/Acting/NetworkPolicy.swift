import Environments
import Experience
import Neural

/// How the heads of a network become a policy.
enum NetworkPolicy: Hashable {
    /// The first heads are logits of so many actions.
    case softmax(actions: Int)
    /// The heads are values of so many actions: the best of them, the first of those that are as good, but for a share
    /// of random actions. With a `runExponent` each of these goes on for a while, as `RandomRuns` says.
    case epsilonGreedy(actions: Int, runExponent: Double?)

    var actions: Int {
        switch self {
        case .softmax(let actions), .epsilonGreedy(let actions, _): actions
        }
    }

    var runExponent: Double? {
        if case .epsilonGreedy(_, let exponent) = self { exponent } else { nil }
    }

    /// Whether the share of random actions follows a network's parameters in what actors load.
    var hasExploration: Bool {
        if case .epsilonGreedy = self { true } else { false }
    }

    /// Writes the policies of `rows` heads (rows, width) from row `first` of `policies` on; there is room for them.
    /// `exploration`: the share of random actions, which a softmax does not have.
    func fill(
        _ policies: PolicyBuffers, from heads: UnsafePointer<Float>, width: Int, rows: Int, first: Int = 0,
        exploration: Float
    ) {
        switch self {
        case .softmax(let actions):
            policies.fill(from: heads, headWidth: width, rows: rows, actions: actions, first: first)
        case .epsilonGreedy(let actions, _):
            let random = exploration / Float(actions)
            for row in 0..<rows {
                let probabilities = policies.probabilities.base + (first + row) * actions
                probabilities.update(repeating: random, count: actions)
                probabilities[greedyAction(heads + row * width, actions)] += 1 - exploration
            }
        }
    }
}

/// A perceptron that sees the integers of an observation one-hot, and the policy that its heads say: what the learner
/// and the actors of a lifetime agree about before either begins. A value; it holds no parameters.
struct PerceptronPolicy {
    /// How an observation is taken apart.
    let observation: IntegerComponents
    let shape: PerceptronShape
    let activation: PerceptronNetwork.Activation
    let policy: NetworkPolicy

    /// `algorithm`: for errors. `extraOutputs`: heads behind those of the actions. Throws `SourceAlgorithmError` for
    /// spaces that such a network cannot take.
    init(
        _ algorithm: String, environment: EnvironmentDescription, hidden: [Int],
        activation: PerceptronNetwork.Activation, extraOutputs: Int = 0, policy: (_ actions: Int) -> NetworkPolicy
    ) throws {
        let space = environment.observationSpace
        guard let observation = IntegerComponents(space) else {
            let another =
                algorithm != QLambda.name && (space.imageShape != nil || StateFeatures(vectorsOf: space) != nil)
                ? "; source.algorithm: \(QLambda.name) learns from such" : ""
            throw SourceAlgorithmError(
                "\(algorithm) sees one-hot integers: expected a few integers from 0 as observation, "
                    + "\(environment.name) has an array of \(space.elementType.rawValue) of shape \(space.shape)\(another)"
            )
        }
        let actions = try environment.discreteActions(for: algorithm)
        self.observation = observation
        self.activation = activation
        self.policy = policy(actions)
        shape = PerceptronShape(components: observation.counts, hidden: hidden, outputs: actions + extraOutputs)
    }

    var actions: Int { policy.actions }

    /// A network without parameters: callers hand them to each pass.
    func makeNetwork() -> PerceptronNetwork { PerceptronNetwork(shape: shape, activation: activation) }

    /// Actors that load what a learner with this policy lends: a `TabularActor` where it lends a table, otherwise a
    /// `NetworkActor`. Both sides decide by `PolicyTable.rows(of:)`.
    func makeActor(environment: EnvironmentDescription, keys: [StreamKey]) -> any SourceActor {
        guard let rows = PolicyTable.rows(of: self) else {
            return NetworkActor(self, environment: environment, keys: keys)
        }
        return TabularActor(
            keys: keys, environment: environment, observation: observation, rows: rows, actions: actions,
            runExponent: policy.runExponent)
    }

    /// Multiplications of one observation's forward pass. The first layer adds a row for each component of a discrete
    /// observation; counted as dense it is a bound.
    var multiplications: Int {
        let widths = [observation.rowCount] + shape.hidden + [shape.outputs]
        return zip(widths, widths.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
    }
}

extension EnvironmentDescription {
    /// How many actions there are. Throws `SourceAlgorithmError` where they are not numbered; `algorithm`: for that error.
    func discreteActions(for algorithm: String) throws -> Int {
        guard case .discrete(let actions) = actionSpace else {
            throw SourceAlgorithmError(
                "\(algorithm) chooses one of several actions: expected a discrete action space, \(name) has an array of "
                    + "shape \(actionSpace.shape)")
        }
        return actions
    }
}
