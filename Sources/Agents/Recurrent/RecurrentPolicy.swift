import Environments
import Experience
import Neural

/// A policy and a value with memory: what the learner and the actors of a lifetime agree about before either begins.
///
/// An LSTM, or a transformer that sees all rows of the trial so far, is shown the observation one-hot, the action and the
/// reward before it, and whether an episode begins; two heads read what it says (Duan et al. 2016: RL2). What it remembers
/// lives through a trial and is nothing at a trial's begin. A value; it holds no parameters.
struct RecurrentPolicy {
    /// How an observation is taken apart.
    let observation: IntegerComponents
    let actions: Int
    let environment: EnvironmentDescription
    let parameters: ParameterLayout
    let network: Network
    /// Offset of the heads' weight (outputs, width): a logit for each action, then the value.
    let headWeight: Int
    /// Offset of (outputs).
    let headBias: Int

    /// `algorithm`: for errors. Throws `SourceAlgorithmError` for spaces that such a network cannot take.
    init(_ algorithm: String, environment: EnvironmentDescription, settings: MemorySettings) throws {
        let space = environment.observationSpace
        guard let observation = IntegerComponents(space), case .discrete(let actions) = environment.actionSpace else {
            throw SourceAlgorithmError(
                "\(algorithm) with memory sees one-hot integers and chooses one of several actions: expected a few "
                    + "integers from 0 as observation and a discrete action space, \(environment.name) has "
                    + "observations of shape \(space.shape) and actions of shape \(environment.actionSpace.shape)")
        }
        self.observation = observation
        self.actions = actions
        self.environment = environment
        var layout = ParameterLayout()
        let inputs = observation.rowCount + actions + 1 + 2 + 1
        switch settings {
        case .lstm(let settings):
            network = .lstm(
                LSTMLayout(
                    inputs: inputs, units: settings.units, layers: settings.layers, prefix: "lstm.",
                    addingTo: &layout))
        case .transformer(let settings):
            guard let horizon = environment.horizon else {
                throw SourceAlgorithmError(
                    "\(algorithm) with a transformer sees whole trials: expected an environment whose episodes have a "
                        + "longest length, \(environment.name) has none")
            }
            network = .transformer(
                TrialTransformerLayout(
                    settings, inputs: inputs, tokens: horizon * max(1, environment.episodesPerTrial),
                    addingTo: &layout))
        }
        headWeight = layout.add("heads.weight", [actions + 1, network.width])
        headBias = layout.add("heads.bias", [actions + 1])
        parameters = layout
    }

    var outputs: Int { actions + 1 }
    /// Words of 64 bits in which there is one for each observation; 0 where they cannot be numbered.
    var visitedWords: Int { ((observation.tableSize ?? 0) + 63) / 64 }
    /// What the heads read.
    var width: Int { network.width }
    /// Floats of what is kept of one sequence: an LSTM's hidden units (layers, H), then cells likewise; a transformer's
    /// `TrialRows`.
    var stateWidth: Int {
        switch network {
        case .lstm(let layout): 2 * layout.layers.count * layout.units
        case .transformer(let layout): rows(of: layout).width
        }
    }

    func rows(of layout: TrialTransformerLayout) -> TrialRows {
        TrialRows(components: components, most: layout.tokens)
    }

    /// Whether these numbers can be what a learner has kept.
    func isState(_ state: [Float]) -> Bool {
        guard case .transformer(let layout) = network else { return state.count == stateWidth }
        return rows(of: layout).isValid(state, inputs: hotInputs)
    }

    /// Inputs that are 0 or 1; the reward before comes behind them.
    var hotInputs: Int { observation.rowCount + actions + 1 + 2 }
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

    /// Uniform within 1 / sqrt(width), as PyTorch's, but for an LSTM's forget gates' bias of 1: what a layer has seen lasts
    /// from the first (Jozefowicz et al. 2015). A transformer's are its layout's. `policyScale`: of the policy's head.
    func initialParameters(_ generator: Philox, policyScale: Float) -> [Float] {
        var numbers = PhiloxSequence(generator, purpose: .initialisation)
        var values = [Float](repeating: 0, count: parameters.count)
        let bound = 1 / Float(width).squareRoot()
        var isDrawn = Set(parameters.tensors.map(\.offset))
        if case .transformer(let layout) = network {
            layout.initialise(&values, &numbers)
            isDrawn = [headWeight, headBias]
        }
        for tensor in parameters.tensors where isDrawn.contains(tensor.offset) {
            for index in 0..<tensor.count {
                values[tensor.offset + index] =
                    bound * (2 * Philox.unit(UInt32(truncatingIfNeeded: numbers.next())) - 1)
            }
        }
        if case .lstm(let lstm) = network {
            for layer in lstm.layers {
                for unit in lstm.units..<(2 * lstm.units) { values[layer.inputBias + unit] = 1 }
                for unit in lstm.units..<(2 * lstm.units) { values[layer.hiddenBias + unit] = 0 }
            }
        }
        for index in 0..<(actions * width) { values[headWeight + index] *= policyScale }
        for index in 0..<actions { values[headBias + index] *= policyScale }
        return values
    }

    /// Multiplications of one step forward; an LSTM's first layer's inputs are counted as dense.
    var multiplications: Int {
        switch network {
        case .lstm(let lstm):
            lstm.layers.reduce(outputs * lstm.units) { $0 + 4 * lstm.units * ($1.inputs + lstm.units) }
        case .transformer(let layout): outputs * width + layout.multiplications
        }
    }

    /// Rows that an update goes through for each that it learns from: a transformer sees those before once more.
    func rowsOfUpdate(perRowOf rolloutLength: Int) -> Double {
        guard case .transformer(let layout) = network else { return 1 }
        return 1 + Double(layout.tokens) / Double(2 * rolloutLength)
    }
}

extension RecurrentPolicy {
    /// What a policy remembers by.
    enum Network {
        case lstm(LSTMLayout)
        case transformer(TrialTransformerLayout)

        var width: Int {
            switch self {
            case .lstm(let layout): layout.units
            case .transformer(let layout): layout.dimension
            }
        }
    }

    /// What it is called in errors.
    var networkName: String {
        switch network {
        case .lstm(let layout): "an lstm of \(layout.layers.count) layers of \(layout.units) units"
        case .transformer(let layout):
            "a transformer of \(layout.blocks.count) layers of \(layout.dimension) on trials of \(layout.tokens) rows"
        }
    }

    /// Sequences that a pass takes together.
    var mostSequences: Int {
        switch network {
        case .lstm: RecurrentPass.mostSequences
        case .transformer: TrialTransformerPass.mostSequences
        }
    }

    func makePass() -> any MemoryPass {
        switch network {
        case .lstm(let layout): RecurrentPass(self, layout)
        case .transformer(let layout): TrialTransformerPass(self, layout)
        }
    }

    func makeSteppedMemory(sequences: Int) -> any SteppedMemory {
        switch network {
        case .lstm(let layout): SteppedLSTM(layout, sequences: sequences, components: components)
        case .transformer(let layout):
            SteppedTransformer(
                layout, parameterCount: parameters.count, sequences: sequences, components: components)
        }
    }
}

/// The settings of what a policy remembers by.
enum MemorySettings {
    case lstm(LSTMSettings)
    case transformer(TrialTransformerSettings)

    var threads: Int {
        switch self {
        case .lstm(let settings): settings.threads
        case .transformer(let settings): settings.threads
        }
    }
}
