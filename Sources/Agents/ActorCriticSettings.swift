import Environments

/// Advantage actor-critic with lambda-returns (paper, Table 4: A3C). The defaults are the paper's where it states them.
package struct ActorCriticSettings: Hashable, Sendable, Codable {
    /// Units of each hidden layer, shared by policy and value.
    package var hidden: [Int] = [128, 128, 128]
    package var activation: Activation = .relu
    package var learningRate = 1e-4
    package var discount = 0.99
    package var lambda = 0.95
    package var entropyCoefficient = 0.01
    package var valueCoefficient = 0.5
    /// Largest global norm of the gradient; 0 switches clipping off.
    package var gradientClip = 0.5
    package var adamBeta1 = 0.9
    package var adamBeta2 = 0.999
    package var adamEpsilon = 1e-6
    /// Steps that an actor takes between two updates.
    package var rolloutLength = 20
    /// Scale of the policy head's initial weights, relative to the other layers; near 0 the first policy is uniform.
    package var policyHeadScale = 1.0
    /// Whether the value of the final observation continues the return of a truncated episode. Off: an episode that
    /// its horizon cut ends like any other. Off is the default because values of a life without end grow to
    /// 1 / (1 - discount) times a reward and are learnt late: in Dark Room with 100 actors, discount 0.99 and learning
    /// rate 5e-4, eight goals took 136 episodes to 90 % of the optimum without and over 300 with it. With 5 actors,
    /// discount 0.9 and learning rate 3e-3 there was no difference.
    package var bootstrapsTruncation = false

    package init() {}

    /// How a hidden layer bends its sums.
    package enum Activation: String, Sendable, Codable, CaseIterable {
        case relu, tanh
    }

    package static let acceptedLayers = 1...8
    package static let acceptedWidths = 1...4096
    package static let acceptedRolloutLengths = 2...10_000

    /// Throws `SourceAlgorithmError` naming the setting, its value and what is accepted.
    package func validate() throws {
        func require(_ condition: Bool, _ name: String, _ value: Any, _ accepted: String) throws {
            guard condition else { throw SourceAlgorithmError("\(name) is \(value), expected \(accepted)") }
        }
        try require(
            Self.acceptedLayers.contains(hidden.count) && hidden.allSatisfy(Self.acceptedWidths.contains), "hidden",
            hidden, "\(Self.acceptedLayers.spelled) layers of \(Self.acceptedWidths.spelled) units")
        try require(learningRate > 0 && learningRate <= 1, "learningRate", learningRate, "more than 0, at most 1")
        try require((0...1).contains(discount), "discount", discount, "0 to 1")
        try require((0...1).contains(lambda), "lambda", lambda, "0 to 1")
        try require((0...10).contains(entropyCoefficient), "entropyCoefficient", entropyCoefficient, "0 to 10")
        try require((0...10).contains(valueCoefficient), "valueCoefficient", valueCoefficient, "0 to 10")
        try require((0...1e6).contains(gradientClip), "gradientClip", gradientClip, "0 (off) to 1e6")
        try require(adamBeta1 >= 0 && adamBeta1 < 1, "adamBeta1", adamBeta1, "0 or more, less than 1")
        try require(adamBeta2 >= 0 && adamBeta2 < 1, "adamBeta2", adamBeta2, "0 or more, less than 1")
        try require(adamEpsilon > 0 && adamEpsilon <= 1, "adamEpsilon", adamEpsilon, "more than 0, at most 1")
        try require(
            Self.acceptedRolloutLengths.contains(rolloutLength), "rolloutLength", rolloutLength,
            "\(Self.acceptedRolloutLengths.spelled) steps")
        try require((0...10).contains(policyHeadScale), "policyHeadScale", policyHeadScale, "0 to 10")
    }
}

/// A setting, an environment or saved bytes that a source algorithm cannot accept.
package struct SourceAlgorithmError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
