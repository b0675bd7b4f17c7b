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
    }

    let network: Network
    let policy: NetworkPolicy

    /// Throws `SourceAlgorithmError` for settings or spaces that there is no network for.
    init(_ settings: QLambdaSettings, environment: EnvironmentDescription) throws {
        let actions = try environment.discreteActions(for: QLambda.name)
        let policy = NetworkPolicy.epsilonGreedy(actions: actions, runExponent: settings.explorationRunExponent)
        self.policy = policy
        if let features = StateFeatures(vectorsOf: environment.observationSpace) {
            network = .state(
                features, PerceptronShape(inputs: features.count, hidden: settings.hidden, outputs: actions),
                settings.activation)
            return
        }
        guard let shape = environment.observationSpace.imageShape else {
            network = .integers(
                try PerceptronPolicy(
                    QLambda.name, environment: environment, hidden: settings.hidden, activation: settings.activation
                ) { _ in policy })
            return
        }
        switch settings.sees {
        case .state:
            guard let features = environment.stateFeatures else {
                throw SourceAlgorithmError(
                    "\(QLambda.name) is to see states: expected an environment whose streams store them, "
                        + "\(environment.name) stores \(environment.stored.name) of \(environment.stored.space)")
            }
            network = .state(
                features, PerceptronShape(inputs: features.count, hidden: settings.hidden, outputs: actions),
                settings.activation)
        case .pixels:
            do {
                network = .images(
                    try ImageEncoderLayout(
                        settings.encoder,
                        image: ImageSize(height: shape.height, width: shape.width, colours: shape.colours),
                        head: ("values", actions)))
            } catch {
                throw SourceAlgorithmError("the encoder of \(QLambda.name): \(error)")
            }
        }
    }

    var actions: Int { policy.actions }

    var parameterCount: Int {
        switch network {
        case .integers(let policy): policy.shape.parameterCount
        case .state(_, let shape, _): shape.parameterCount
        case .images(let layout): layout.parameters.count
        }
    }

    /// Numbers of a row of heads, the first of which are the values of the actions.
    var headWidth: Int {
        switch network {
        case .integers(let policy): policy.shape.headWidth
        case .state(_, let shape, _): shape.headWidth
        case .images(let layout): layout.outputWidth
        }
    }

    /// Inputs of the network; and what these are, as saved bytes have it.
    var inputs: (kind: UInt32, count: Int) {
        switch network {
        case .integers(let policy): (0, policy.shape.depths[0])
        case .state(let features, _, _): (1, features.count)
        case .images(let layout): (2, layout.image.byteCount)
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
        }
    }
}
