import Environments
import Experience

/// Draws the actions of some streams, each from its own random numbers. An action is a function of the stream's key,
/// the episode, the step and the probabilities; nothing moves on from call to call.
struct ActionSampler {
    /// Actions that there are to choose from.
    let actions: Int
    private let generators: [Philox]
    private let isByte: Bool

    /// `environment`: one with a discrete action space of so many `actions`.
    init(keys: [StreamKey], environment: EnvironmentDescription, actions: Int) {
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
        write(
            choose(probabilities, generators[index].uniform(.policy, episode: episode, step: step)), index, into: output
        )
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

    /// The first action at which the cumulative probability exceeds `uniform` in [0, 1).
    @inline(__always)
    private func choose(_ probabilities: UnsafePointer<Float>, _ uniform: Float) -> Int {
        var cumulative: Float = 0
        for action in 0..<(actions - 1) {
            cumulative += probabilities[action]
            if uniform < cumulative { return action }
        }
        return actions - 1
    }
}
