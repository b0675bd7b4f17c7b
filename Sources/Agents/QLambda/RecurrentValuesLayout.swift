import Environments
import Experience
import Neural

/// Action values that remember: an LSTM is shown what an encoder makes of the observation, the action and the reward before
/// it, and whether an episode begins; a linear layer reads the values of the actions from what it says (paper, Table 7:
/// RL2). What it remembers lives through a trial and is nothing at a trial's begin. A value; it holds no parameters.
struct RecurrentValuesLayout {
    /// What looks at observations.
    enum Sight {
        case features(FeatureNetwork.Features)
        case images(ImageEncoderLayout)

        /// Numbers that an observation becomes.
        var width: Int {
            switch self {
            case .features(let features): features.count
            case .images(let layout): layout.outputWidth
            }
        }

        /// Whether it looks at what streams store, where that is not what is seen.
        var seesStored: Bool {
            if case .features(.state) = self { true } else { false }
        }
    }

    let sight: Sight
    let actions: Int
    /// The encoder's tensors, then those of the LSTM and of the layer behind it.
    let parameters: ParameterLayout
    let lstm: LSTMLayout
    /// Offset of (actions, H), and of (actions).
    let headWeight: Int
    let headBias: Int

    init(_ settings: ActionValueMemorySettings, sight: Sight, actions: Int) {
        self.sight = sight
        self.actions = actions
        var layout = ParameterLayout()
        if case .images(let encoder) = sight {
            // At the offsets that they have by themselves: they come first.
            for tensor in encoder.parameters.tensors { _ = layout.add("encoder.\(tensor.name)", tensor.shape) }
        }
        lstm = LSTMLayout(
            inputs: sight.width + Self.contextWidth(actions), units: settings.units, layers: settings.layers,
            prefix: "lstm.", addingTo: &layout)
        headWeight = layout.add("values.weight", [actions, settings.units])
        headBias = layout.add("values.bias", [actions])
        parameters = layout
    }

    /// Inputs behind those of the observation: the action before one-hot, or that there was none; whether an episode
    /// begins, one-hot; the reward before.
    private static func contextWidth(_ actions: Int) -> Int { actions + 1 + 2 + 1 }

    /// Parameters of the encoder, which come first.
    var encoderCount: Int {
        if case .images(let encoder) = sight { encoder.parameters.count } else { 0 }
    }

    /// Uniform within 1 / sqrt(H), as PyTorch's, but for the forget gates' bias of 1, as `RecurrentPolicy` has them; the
    /// encoder's are its own.
    func initialise(_ buffer: UnsafeMutablePointer<Float>, uniform: () -> Float) {
        if case .images(let encoder) = sight { encoder.initialise(buffer, uniform: uniform) }
        let bound = 1 / Float(lstm.units).squareRoot()
        for tensor in parameters.tensors where tensor.offset >= encoderCount {
            for index in 0..<tensor.count { buffer[tensor.offset + index] = bound * (2 * uniform() - 1) }
        }
        for layer in lstm.layers {
            (buffer + layer.inputBias + lstm.units).update(repeating: 1, count: lstm.units)
            (buffer + layer.hiddenBias + lstm.units).update(repeating: 0, count: lstm.units)
        }
    }

    /// Floating-point operations of an observation forward.
    var forwardOperations: Int {
        let memory = lstm.layers.reduce(actions * lstm.units) { $0 + 4 * lstm.units * ($1.inputs + lstm.units) }
        guard case .images(let encoder) = sight else { return 2 * memory }
        return 2 * memory + encoder.forwardOperations
    }

    /// What looks at observations, for one that learns where there is a `dropoutKey`. `images`: at most so many in a call.
    func makeSight(
        weights: FloatBuffer, images: Int, pool: WorkerPool, dropoutKey: (UInt32, UInt32)?
    ) -> any ObservationNetwork {
        switch sight {
        case .features(let features): FeatureNetwork(features)
        case .images(let layout):
            ImageNetwork(layout, weights: weights, images: images, pool: pool, dropoutKey: dropoutKey)
        }
    }
}

// MARK: What comes before a row

extension RecurrentValuesLayout {
    /// Floats of an LSTM's state: hidden units (L, H), then cells likewise.
    var stateWidth: Int { 2 * lstm.layers.count * lstm.units }
    /// Floats of all that comes before a row: the state, the action before or -1, the reward before, and 1 where an episode
    /// begins. The last three are a row's context.
    var memoryWidth: Int { stateWidth + Self.contextNumbers }
    static let contextNumbers = 3

    /// Nothing comes before the row: a trial begins, or what came before is not known.
    static func beginContext(_ context: UnsafeMutablePointer<Float>) {
        (context[0], context[1], context[2]) = (-1, 0, 1)
    }

    /// The context of the row that follows one.
    static func advance(
        _ context: UnsafeMutablePointer<Float>, action: Int32, reward: Float, following: SequenceReplay.Following
    ) {
        switch following {
        case .row, .episode:
            (context[0], context[1], context[2]) = (Float(action), reward, following == .episode ? 1 : 0)
        case .end, .unknown: beginContext(context)
        }
    }

    /// Writes what the LSTM sees, (inputs), of an observation's features and a context.
    func writeInput(
        _ features: UnsafePointer<Float>, context: UnsafePointer<Float>, into input: UnsafeMutablePointer<Float>
    ) {
        let width = sight.width
        input.update(from: features, count: width)
        let rest = input + width
        rest.update(repeating: 0, count: lstm.inputs - width)
        rest[context[0] < 0 ? actions : Int(context[0])] = 1
        rest[actions + 1 + (context[2] > 0 ? 1 : 0)] = 1
        rest[actions + 3] = context[1]
    }

    /// Whether these numbers, (memoryWidth), can come before a row.
    func isMemory(_ memory: UnsafePointer<Float>) -> Bool {
        let context = memory + stateWidth
        return (0..<memoryWidth).allSatisfy { memory[$0].isFinite } && context[0] >= -1 && context[0] < Float(actions)
            && (context[2] == 0 || context[2] == 1)
    }
}
