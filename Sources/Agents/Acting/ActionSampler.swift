import Environments
import Experience

/// Draws the actions of some streams, each from its own random numbers. An action is a function of the stream's key,
/// the episode, the step and the probabilities; nothing moves on from call to call but, where there are such, random
/// actions that go on for several steps of an episode.
struct ActionSampler {
    /// Actions that there are to choose from.
    let actions: Int
    private let generators: [Philox]
    private let isByte: Bool
    private let runs: RandomRuns?

    /// `environment`: one with a discrete action space of so many `actions`. `runExponent`: see `NetworkPolicy`.
    init(keys: [StreamKey], environment: EnvironmentDescription, actions: Int, runExponent: Double? = nil) {
        runs = runExponent.map { RandomRuns(exponent: $0, streams: keys.count) }
        self.actions = actions
        generators = keys.map { Philox($0) }
        isByte = environment.actionSpace.elementType == .uint8
    }

    /// Number of streams.
    var count: Int { generators.count }

    /// Draws the action of stream number `index` from `probabilities` (actions) and writes it to its place in
    /// `output` (count, action bytes).
    @inline(__always)
    func sample(
        _ index: Int, from probabilities: UnsafePointer<Float>, episode: UInt64, step: UInt32,
        into output: UnsafeMutableRawPointer
    ) {
        guard let runs else {
            return write(choose(probabilities, word(index, episode: episode, step: step)).action, index, into: output)
        }
        if let action = runs.next(index, step: step) { return write(action, index, into: output) }
        let words = generators[index].words(.policy, episode: episode, step: step)
        let chosen = choose(probabilities, words.x)
        runs.begin(
            index, chosen.action, offset: chosen.offset,
            from: UnsafeBufferPointer(start: probabilities, count: actions), uniform: Philox.unit(words.y))
        write(chosen.action, index, into: output)
    }

    /// The random word of stream number `index` for the choice of this step.
    @inline(__always)
    func word(_ index: Int, episode: UInt64, step: UInt32) -> UInt32 {
        generators[index].words(.policy, episode: episode, step: step).x
    }

    /// Writes the action of stream number `index` to its place in `output` (count, action bytes).
    @inline(__always)
    func write(_ action: Int, _ index: Int, into output: UnsafeMutableRawPointer) {
        if isByte {
            output.storeBytes(of: UInt8(truncatingIfNeeded: action), toByteOffset: index, as: UInt8.self)
        } else {
            output.storeBytes(of: Int32(truncatingIfNeeded: action), toByteOffset: 4 * index, as: Int32.self)
        }
    }

    /// The first action at which the cumulative probability exceeds the number in [0, 1) that `word` makes, and how far
    /// that number is beyond the probability of those before.
    @inline(__always)
    private func choose(_ probabilities: UnsafePointer<Float>, _ word: UInt32) -> (action: Int, offset: Float) {
        let uniform = Philox.unit(word)
        var cumulative: Float = 0
        for action in 0..<(actions - 1) {
            let before = cumulative
            cumulative += probabilities[action]
            if uniform < cumulative { return (action, uniform - before) }
        }
        return (actions - 1, uniform - cumulative)
    }
}
