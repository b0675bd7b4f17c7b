import Environments
import Experience
import Neural

/// A network that looks at observations, under parameters that lie in a buffer of its owner's: what it makes of each are the
/// values of actions, or what a memory behind it is given.
///
/// Observations are (rows, bytes): integers, states as streams store them, or pictures. Heads are (rows, headWidth) and
/// valid until the next call. Belongs to one thread.
protocol ObservationNetwork: AnyObject {
    var onProgress: (() -> Void)? { get set }
    /// To be called after each change of the parameters of one that does not learn.
    func parametersHaveChanged()
    /// As actors act: a row's heads have the same bits whatever the rows around it.
    func values(of observations: UnsafeRawPointer, rows: Int) -> UnsafePointer<Float>
    /// As step number `step` learns from the rows: with their statistics where there is a batch norm, and with dropout.
    func forward(_ observations: UnsafeRawPointer, rows: Int, step: Int) -> UnsafePointer<Float>
    /// Adds to `gradients` (parameterCount) what `headGradients` (rows, headWidth) ask for. Once after each `forward`, with
    /// the same observations.
    func backward(
        _ headGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, rows: Int,
        into gradients: UnsafeMutablePointer<Float>)
}

/// A perceptron that is given what an environment says of a state.
final class StateNetwork: ObservationNetwork {
    private let features: StateFeatures
    private let network: PerceptronNetwork
    private let weights: FloatBuffer
    /// (rows, features)
    private let inputs = GrowingBuffer<Float>()

    init(
        _ features: StateFeatures, _ shape: PerceptronShape, _ activation: PerceptronNetwork.Activation,
        weights: FloatBuffer
    ) {
        self.features = features
        network = PerceptronNetwork(shape: shape, activation: activation)
        self.weights = weights
    }

    var onProgress: (() -> Void)? {
        get { network.onProgress }
        set { network.onProgress = newValue }
    }

    func parametersHaveChanged() {}

    func values(of observations: UnsafeRawPointer, rows: Int) -> UnsafePointer<Float> {
        inputs.reserve(rows * features.count)
        features.write(observations, count: rows, into: inputs.base)
        network.forward(parameters: weights.start, inputs: .numbers(inputs.base), rows: rows)
        return network.heads
    }

    func forward(_ observations: UnsafeRawPointer, rows: Int, step: Int) -> UnsafePointer<Float> {
        values(of: observations, rows: rows)
    }

    func backward(
        _ headGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, rows: Int,
        into gradients: UnsafeMutablePointer<Float>
    ) {
        network.backward(
            parameters: weights.start, inputs: .numbers(inputs.base), rows: rows, headGradients: headGradients,
            gradients: gradients)
    }
}

/// What a memory is given of integers, one-hot, or of states: nothing is learnt in between.
final class FeatureNetwork: ObservationNetwork {
    /// What becomes of an observation.
    enum Features {
        case integers(IntegerComponents)
        case state(StateFeatures)

        /// Numbers of each.
        var count: Int {
            switch self {
            case .integers(let components): components.rowCount
            case .state(let features): features.count
            }
        }
    }

    var onProgress: (() -> Void)?
    private let features: Features
    /// (rows, features)
    private let heads = GrowingBuffer<Float>()
    /// (components) of an observation.
    private let ones = GrowingBuffer<Int32>()

    init(_ features: Features) {
        self.features = features
        if case .integers(let components) = features { ones.reserve(components.counts.count) }
    }

    func parametersHaveChanged() {}

    /// The observations lie in their space.
    func values(of observations: UnsafeRawPointer, rows: Int) -> UnsafePointer<Float> {
        let width = features.count
        heads.reserve(rows * width)
        switch features {
        case .state(let features): features.write(observations, count: rows, into: heads.base)
        case .integers(let components):
            heads.base.update(repeating: 0, count: rows * width)
            for row in 0..<rows {
                guard components.read(observations + row * components.byteCount, rows: ones.base) != nil else {
                    preconditionFailure("observation \(row) lies outside its space")
                }
                for component in components.counts.indices { heads.base[row * width + Int(ones.base[component])] = 1 }
            }
        }
        return UnsafePointer(heads.base)
    }

    func forward(_ observations: UnsafeRawPointer, rows: Int, step: Int) -> UnsafePointer<Float> {
        values(of: observations, rows: rows)
    }

    func backward(
        _ headGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, rows: Int,
        into gradients: UnsafeMutablePointer<Float>
    ) {}
}

/// An image encoder, which may have the values of actions behind it.
final class ImageNetwork: ObservationNetwork {
    private let encoder: BoundedImageEncoder
    private let width: Int
    /// (rows, actions)
    private let heads = GrowingBuffer<Float>()

    /// `dropoutKey`: nil where nothing is learnt. `images`: at most so many rows in a call.
    init(
        _ layout: ImageEncoderLayout, weights: FloatBuffer, images: Int, pool: WorkerPool,
        dropoutKey: (UInt32, UInt32)?
    ) {
        encoder = BoundedImageEncoder(
            layout, parameters: weights, offset: 0, observations: images, pool: pool, dropoutKey: dropoutKey)
        width = layout.outputWidth
    }

    var onProgress: (() -> Void)? {
        get { encoder.onProgress }
        set { encoder.onProgress = newValue }
    }

    func parametersHaveChanged() { encoder.parametersHaveChanged() }

    func values(of observations: UnsafeRawPointer, rows: Int) -> UnsafePointer<Float> {
        heads.reserve(rows * width)
        encoder.encode(observations, count: rows, into: heads.base)
        return UnsafePointer(heads.base)
    }

    func forward(_ observations: UnsafeRawPointer, rows: Int, step: Int) -> UnsafePointer<Float> {
        heads.reserve(rows * width)
        encoder.forward(observations, count: rows, step: step, into: heads.base)
        return UnsafePointer(heads.base)
    }

    func backward(
        _ headGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, rows: Int,
        into gradients: UnsafeMutablePointer<Float>
    ) { encoder.backward(headGradients, observations: observations, count: rows, into: gradients) }
}
