import Environments
import Neural

/// A network of action values that looks at states or pictures, under parameters that lie in a buffer of its owner's.
///
/// Observations are (rows, bytes): states as streams store them, or pictures. Heads are (rows, headWidth) and valid until
/// the next call. Belongs to one thread.
protocol ActionValueNetwork: AnyObject {
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
final class StateNetwork: ActionValueNetwork {
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

/// An image encoder with the values of actions behind it.
final class ImageNetwork: ActionValueNetwork {
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
