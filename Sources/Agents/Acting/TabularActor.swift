import Environments
import Experience
import Neural

/// Samples actions from a `PolicyTable`: a step of an actor costs a look into it and a random number. It knows no
/// network.
package final class TabularActor: SourceActor {
    private let observation: IntegerComponents
    /// Observations that there are, each with a row of `probabilities`.
    private let rows: Int
    private let sampler: ActionSampler
    /// (rows, actions).
    private let probabilities: FloatBuffer

    /// A row of probabilities adds up to about 1: to less or more where logits are in the millions and rounded.
    private static let acceptedSums: ClosedRange<Float> = 0.5...2

    package var count: Int { sampler.count }

    /// `rows`: one for each observation. Until something is loaded, every action is as likely as the others.
    init(
        keys: [StreamKey], environment: EnvironmentDescription, observation: IntegerComponents, rows: Int,
        actions: Int, runExponent: Double?
    ) {
        self.observation = observation
        self.rows = rows
        sampler = ActionSampler(
            keys: keys, environment: environment, actions: actions, runExponent: runExponent)
        probabilities = FloatBuffer(rows * actions)
        probabilities.start.update(repeating: 1 / Float(actions), count: probabilities.count)
    }

    /// Takes over a table of probabilities. Throws `SourceAlgorithmError` and keeps the one before when it is not one.
    package func load(parameters: UnsafeBufferPointer<Float>) throws {
        guard parameters.count == probabilities.count, let source = parameters.baseAddress else {
            throw SourceAlgorithmError(
                "expected a policy of \(sampler.actions) probabilities at \(rows) observations, found "
                    + "\(parameters.count) numbers")
        }
        if let row = firstWrongRow(source) {
            throw SourceAlgorithmError(
                "expected a distribution over \(sampler.actions) actions at each of \(rows) observations, found none at "
                    + "number \(row)")
        }
        probabilities.start.update(from: source, count: parameters.count)
    }

    /// Nil where every row is a distribution. Never inlined: in `load`, Swift 6.3 keeps the loop's bound in the
    /// register of the error that is thrown, and leaves it there.
    @inline(never)
    private func firstWrongRow(_ table: UnsafePointer<Float>) -> Int? {
        (0..<rows).first { row in
            var sum: Float = 0
            var isInRange = true
            for action in 0..<sampler.actions {
                let probability = table[row * sampler.actions + action]
                isInRange = isInRange && probability >= 0
                sum += probability
            }
            return !(isInRange && Self.acceptedSums.contains(sum))
        }
    }

    package func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        for actor in 0..<count {
            guard let row = observation.number(of: observations + actor * observation.byteCount) else {
                preconditionFailure("actor \(actor) observed something outside its observation space")
            }
            sampler.sample(
                actor, from: probabilities.start + row * sampler.actions, episode: episodes[actor], step: steps[actor],
                into: actions)
        }
    }
}
