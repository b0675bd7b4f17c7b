import Environments
import Experience
import Neural

/// A policy and a value with memory: what the learner and the actors of a lifetime agree about before either begins.
///
/// An LSTM sees the observation one-hot, the action and the reward before it, and whether an episode begins; two heads
/// read what it says (Duan et al. 2016: RL2). Its state lives through a trial and is zero at a trial's begin. A value;
/// it holds no parameters.
struct RecurrentPolicy {
    /// How an observation is taken apart.
    let observation: IntegerComponents
    let actions: Int
    let environment: EnvironmentDescription
    let parameters: ParameterLayout
    let lstm: LSTMLayout
    /// Offset of the heads' weight (outputs, units): a logit for each action, then the value.
    let headWeight: Int
    /// Offset of (outputs).
    let headBias: Int

    /// `algorithm`: for errors. Throws `SourceAlgorithmError` for spaces that such a network cannot take.
    init(_ algorithm: String, environment: EnvironmentDescription, settings: LSTMSettings) throws {
        let space = environment.observationSpace
        guard let observation = IntegerComponents(space), case .discrete(let actions) = environment.actionSpace else {
            throw SourceAlgorithmError(
                "\(algorithm) with an lstm sees one-hot integers and chooses one of several actions: expected a few "
                    + "integers from 0 as observation and a discrete action space, \(environment.name) has "
                    + "observations of shape \(space.shape) and actions of shape \(environment.actionSpace.shape)")
        }
        self.observation = observation
        self.actions = actions
        self.environment = environment
        var layout = ParameterLayout()
        lstm = LSTMLayout(
            inputs: observation.rowCount + actions + 1 + 2 + 1, units: settings.units, layers: settings.layers,
            prefix: "lstm.", addingTo: &layout)
        headWeight = layout.add("heads.weight", [actions + 1, settings.units])
        headBias = layout.add("heads.bias", [actions + 1])
        parameters = layout
    }

    var outputs: Int { actions + 1 }
    /// Floats of one sequence's state: hidden units (layers, H), then cells likewise.
    var stateWidth: Int { 2 * lstm.layers.count * lstm.units }
    /// Inputs that are 0 or 1; the reward before comes behind them.
    var hotInputs: Int { lstm.inputs - 1 }
    /// Inputs that are 1 at a time: the observation's components, the action before, whether an episode begins.
    var components: Int { observation.counts.count + 2 }

    /// Writes what does not come from the observation behind its components, (components). `previousAction`: negative
    /// where there is none, as at a trial's begin.
    func writeContext(_ rows: UnsafeMutablePointer<Int32>, previousAction: Int32, beginsEpisode: Bool) {
        let first = Int32(truncatingIfNeeded: observation.rowCount)
        let none = Int32(truncatingIfNeeded: actions)
        rows[components - 2] = first + (previousAction < 0 ? none : previousAction)
        rows[components - 1] = first + none + 1 + (beginsEpisode ? 1 : 0)
    }

    /// Uniform within 1 / sqrt(units), as PyTorch's, but for the forget gates' bias of 1: what a layer has seen lasts
    /// from the first (Jozefowicz et al. 2015). `policyScale`: of the policy's head.
    func initialParameters(_ generator: Philox, policyScale: Float) -> [Float] {
        var numbers = PhiloxSequence(generator, purpose: .initialisation)
        var values = [Float](repeating: 0, count: parameters.count)
        let bound = 1 / Float(lstm.units).squareRoot()
        for tensor in parameters.tensors {
            for index in 0..<tensor.count {
                values[tensor.offset + index] =
                    bound * (2 * Philox.unit(UInt32(truncatingIfNeeded: numbers.next())) - 1)
            }
        }
        for layer in lstm.layers {
            for unit in lstm.units..<(2 * lstm.units) { values[layer.inputBias + unit] = 1 }
            for unit in lstm.units..<(2 * lstm.units) { values[layer.hiddenBias + unit] = 0 }
        }
        for index in 0..<(actions * lstm.units) { values[headWeight + index] *= policyScale }
        for index in 0..<actions { values[headBias + index] *= policyScale }
        return values
    }

    /// Multiplications of one step forward; the first layer's inputs are counted as dense.
    var multiplications: Int {
        lstm.layers.reduce(outputs * lstm.units) { $0 + 4 * lstm.units * ($1.inputs + lstm.units) }
    }
}
