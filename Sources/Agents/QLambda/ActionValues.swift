import Environments
import Experience
import Neural

/// What a network of action values looks at, and what it is: what the learner and the actors of a lifetime agree about
/// before either begins. A value; it holds no parameters.
struct ActionValues {
    enum Network {
        /// Integers, one-hot.
        case integers(PerceptronPolicy)
        /// What an environment says of the states that its streams store, or a vector of floats as it is.
        case state(StateFeatures, PerceptronShape, PerceptronNetwork.Activation)
        /// Pictures.
        case images(ImageEncoderLayout)
        /// Any of these, with a memory behind it.
        case recurrent(RecurrentValuesLayout)
    }

    let network: Network
    let policy: NetworkPolicy

    /// Throws `SourceAlgorithmError` for settings or spaces that there is no network for.
    init(_ settings: QLambdaSettings, environment: EnvironmentDescription) throws {
        let actions = try environment.discreteActions(for: QLambda.name)
        let policy = NetworkPolicy.epsilonGreedy(actions: actions, runExponent: settings.explorationRunExponent)
        self.policy = policy
        guard let memory = settings.lstm else {
            network = try Self.network(settings, environment: environment, policy)
            return
        }
        let sight: RecurrentValuesLayout.Sight
        if let features = try Self.stateFeatures(settings, environment: environment) {
            sight = .features(.state(features))
        } else if let image = environment.observationSpace.imageShape {
            sight = .images(try Self.encoder(settings, image: image, head: nil))
        } else if let components = IntegerComponents(environment.observationSpace) {
            sight = .features(.integers(components))
        } else {
            throw SourceAlgorithmError(
                "\(QLambda.name) with memory sees integers, states or images; \(environment.name) has "
                    + "observations of \(environment.observationSpace)")
        }
        network = .recurrent(RecurrentValuesLayout(memory, sight: sight, actions: actions))
    }

    private static func network(
        _ settings: QLambdaSettings, environment: EnvironmentDescription, _ policy: NetworkPolicy
    ) throws -> Network {
        if let features = try stateFeatures(settings, environment: environment) {
            return .state(
                features, PerceptronShape(inputs: features.count, hidden: settings.hidden, outputs: policy.actions),
                settings.activation)
        }
        if let image = environment.observationSpace.imageShape {
            return .images(try encoder(settings, image: image, head: ("values", policy.actions)))
        }
        return .integers(
            try PerceptronPolicy(
                QLambda.name, environment: environment, hidden: settings.hidden, activation: settings.activation
            ) { _ in policy })
    }

    /// What a network is given of the states that it is to look at; nil where it looks at something else.
    private static func stateFeatures(
        _ settings: QLambdaSettings, environment: EnvironmentDescription
    ) throws -> StateFeatures? {
        if let features = StateFeatures(vectorsOf: environment.observationSpace) { return features }
        guard environment.observationSpace.imageShape != nil, settings.sees == .state else { return nil }
        guard let features = environment.stateFeatures else {
            throw SourceAlgorithmError(
                "\(QLambda.name) is to see states: expected an environment whose streams store them, "
                    + "\(environment.name) stores \(environment.stored.name) of \(environment.stored.space)")
        }
        return features
    }

    private static func encoder(
        _ settings: QLambdaSettings, image: (height: Int, width: Int, colours: Int),
        head: (name: String, outputs: Int)?
    ) throws -> ImageEncoderLayout {
        do {
            return try ImageEncoderLayout(
                settings.encoder,
                image: ImageSize(height: image.height, width: image.width, colours: image.colours), head: head)
        } catch {
            throw SourceAlgorithmError("the encoder of \(QLambda.name): \(error)")
        }
    }

    var actions: Int { policy.actions }

    var parameterCount: Int {
        switch network {
        case .integers(let policy): policy.shape.parameterCount
        case .state(_, let shape, _): shape.parameterCount
        case .images(let layout): layout.parameters.count
        case .recurrent(let layout): layout.parameters.count
        }
    }

    /// Numbers of a row of heads, the first of which are the values of the actions.
    var headWidth: Int {
        switch network {
        case .integers(let policy): policy.shape.headWidth
        case .state(_, let shape, _): shape.headWidth
        case .images(let layout): layout.outputWidth
        case .recurrent(let layout): layout.actions
        }
    }

    /// Floats of what is remembered before a row; 0 of networks without memory.
    var memoryWidth: Int {
        if case .recurrent(let layout) = network { layout.memoryWidth } else { 0 }
    }

    /// Whether numbers (memoryWidth) can be what is remembered before a row.
    func isMemory(_ memory: UnsafePointer<Float>) -> Bool {
        if case .recurrent(let layout) = network { layout.isMemory(memory) } else { true }
    }

    /// Inputs of the network; and what these are, as saved bytes have it.
    var inputs: (kind: UInt32, count: Int) {
        switch network {
        case .integers(let policy): (0, policy.shape.depths[0])
        case .state(let features, _, _): (1, features.count)
        case .images(let layout): (2, layout.image.byteCount)
        case .recurrent(let layout): (3, layout.lstm.inputs)
        }
    }

    /// Drawn from the lifetime's random numbers (seed, task, repetition).
    func initialParameters(_ generator: Philox) -> [Float] {
        var numbers = PhiloxSequence(generator, purpose: .initialisation)
        func uniform() -> Float { Philox.unit(UInt32(truncatingIfNeeded: numbers.next())) }
        switch network {
        case .integers(let policy): return policy.initialParameters(generator)
        case .state(_, let shape, _): return shape.initialParameters(uniform: uniform)
        case .images(let layout):
            let buffer = FloatBuffer(layout.parameters.count)
            layout.initialise(buffer.start, uniform: uniform)
            return buffer.values
        case .recurrent(let layout):
            let buffer = FloatBuffer(layout.parameters.count)
            layout.initialise(buffer.start, uniform: uniform)
            return buffer.values
        }
    }

    /// Floating-point operations of an observation: of its values, and of learning from it.
    var operations: (forward: Double, learning: Double) {
        let forward: Int
        switch network {
        case .integers(let policy): forward = 2 * policy.multiplications
        case .state(_, let shape, _):
            forward = 2 * zip(shape.depths, shape.widths).reduce(0) { $0 + $1.0 * $1.1 }
        case .images(let layout): return (Double(layout.forwardOperations), Double(layout.operations))
        case .recurrent(let layout): forward = layout.forwardOperations
        }
        return (Double(forward), 3 * Double(forward))
    }

    /// Observations that there are, where equal ones are computed once.
    var tableSize: Int? {
        if case .integers(let policy) = network { policy.observation.tableSize } else { nil }
    }

    func makeActor(environment: EnvironmentDescription, keys: [StreamKey]) -> any SourceActor {
        switch network {
        case .integers(let policy): policy.makeActor(environment: environment, keys: keys)
        case .state, .images: ActionValueActor(self, environment: environment, keys: keys)
        case .recurrent(let layout):
            RecurrentValueActor(layout, policy: self.policy, environment: environment, keys: keys)
        }
    }

    /// Where equal observations meet; nil where each is looked at by itself.
    func slots(sharesEqual: Bool) -> ObservationSlots? {
        guard case .integers(let policy) = network else { return nil }
        return ObservationSlots(policy.observation, sharesEqual: sharesEqual)
    }

    /// A learner's two networks. `weights`, `target`: (parameterCount); `rows`: of a batch.
    func makeNetworks(
        scene: Scene, weights: FloatBuffer, target: FloatBuffer, rows: Int, threads: Int, generator: Philox,
        sharesEqual: Bool
    ) -> any SequenceValues {
        switch network {
        case .integers(let policy):
            IntegerValues(policy, weights: weights, target: target, view: scene.view, sharesEqual: sharesEqual)
        case .state, .images:
            ObservedValues(
                self, scene: scene, weights: weights, target: target, rows: rows, threads: threads,
                generator: generator)
        case .recurrent(let layout):
            RecurrentValues(
                layout, scene: scene, weights: weights, target: target, rows: rows, threads: threads,
                generator: generator)
        }
    }

    /// What a learner notes of what its actors remember; nil of networks without memory. `weights`: those that are learnt.
    func makeTrace(scene: Scene, weights: FloatBuffer, threads: Int) -> MemoryTrace? {
        guard case .recurrent(let layout) = network else { return nil }
        return MemoryTrace(layout, scene: scene, weights: weights, threads: threads)
    }

    /// Copies what an actor loads into `weights`, and gives the share of random actions behind it. Throws
    /// `SourceAlgorithmError`, and changes nothing, where it does not fit.
    static func take(_ parameters: UnsafeBufferPointer<Float>, into weights: FloatBuffer) throws -> Float {
        guard parameters.count == weights.count + 1, let source = parameters.baseAddress else {
            throw SourceAlgorithmError(
                "expected the \(weights.count) parameters of a network of action values and a share of random actions, "
                    + "found \(parameters.count) numbers")
        }
        guard 0...1 ~= source[weights.count] else {
            throw SourceAlgorithmError(
                "expected a share of random actions from 0 to 1, found \(source[weights.count])")
        }
        weights.start.update(from: source, count: weights.count)
        return source[weights.count]
    }
}
