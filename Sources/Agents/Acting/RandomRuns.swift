import Glibc

/// Lets a random action go on for a while: temporally extended epsilon-greedy exploration, "epsilon-z-greedy" (Dabney,
/// Ostrovski and Barreto 2021, section 3).
///
/// An action that was drawn at random is taken for n steps, where n has a zeta distribution, P(n) proportional to
/// n^-exponent. So an actor crosses a room that single random steps, each taken back by the next greedy one, would not
/// lead out of. It goes on under new parameters, too. An episode's end ends it: wherever a stream is taken up, which is between two episodes, none goes on.
final class RandomRuns {
    /// The probability of at most 1, 2, ... steps.
    private let cumulative: [Float]
    /// Of each stream: the action that goes on, and for how many steps more.
    private var action: [Int]
    private var stepsLeft: [Int]

    /// Longer runs are cut to this; with an exponent of 2 they are one in 1,600.
    static let longest = 1000

    init(exponent: Double, streams: Int) {
        cumulative = Self.probabilities(exponent: exponent).reduce(into: []) { $0.append(($0.last ?? 0) + Float($1)) }
        action = Array(repeating: 0, count: streams)
        stepsLeft = action
    }

    /// Of runs of 1, 2, ... `longest` steps.
    static func probabilities(exponent: Double) -> [Double] {
        let weights = (1...longest).map { pow(Double($0), -exponent) }
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }

    /// Steps of a run in the mean.
    static func meanLength(exponent: Double) -> Double {
        zip(1..., probabilities(exponent: exponent)).reduce(0) { $0 + Double($1.0) * $1.1 }
    }

    /// The action that goes on in stream number `index`; nil where there is none, as at an episode's first step.
    @inline(__always)
    func next(_ index: Int, step: UInt32) -> Int? {
        guard step > 0, stepsLeft[index] > 0 else { return nil }
        stepsLeft[index] -= 1
        return action[index]
    }

    /// Takes note of what was drawn in stream number `index` while nothing went on: an action from `probabilities`
    /// (actions), which are a greedy policy but for a share of random actions, so that the least of them is what each
    /// has of that share. `offset`: how far into the action's own probability the number lies that it was drawn with, in
    /// [0, 1).
    ///
    /// `uniform`: in [0, 1), for the length of what begins.
    @inline(__always)
    func begin(
        _ index: Int, _ drawn: Int, offset: Float, from probabilities: UnsafeBufferPointer<Float>,
        uniform: @autoclosure () -> Float
    ) {
        let share = probabilities.min() ?? 0
        stepsLeft[index] = 0
        guard probabilities[drawn] <= share || offset < share else { return }
        action[index] = drawn
        stepsLeft[index] = length(uniform()) - 1
    }

    /// The least n with `uniform` below the probability of at most n steps.
    private func length(_ uniform: Float) -> Int {
        var (low, high) = (0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if uniform < cumulative[middle] { high = middle } else { low = middle + 1 }
        }
        return low + 1
    }
}
