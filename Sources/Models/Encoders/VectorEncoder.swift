import CKernels
import Neural

/// Where the linear layer lies that makes an embedding of a vector of floats: `embed.observation.weight` (width, inputs) and
/// `embed.observation.bias` (width).
package struct VectorLayout: Sendable, Equatable {
    let inputs: Int
    let width: Int
    let weight: Int
    let bias: Int
}

/// The stage before a model where observations are vectors of floats: a linear layer of them as they are.
///
/// The plain thing beside the image encoders: no statistics and no dropout, so that training and acting compute the same.
final class VectorEncoder: ObservationEncoder {
    private let layout: VectorLayout
    private let parameters: FloatBuffer
    /// (inputs, width): the weight in the order in which products read it.
    private let transposed: FloatBuffer
    /// (observations, inputs)
    private let inputs: FloatBuffer

    /// For at most `observations` observations at a time.
    init(_ layout: VectorLayout, parameters: FloatBuffer, observations: Int) {
        self.layout = layout
        self.parameters = parameters
        transposed = FloatBuffer(layout.inputs * layout.width)
        inputs = FloatBuffer(observations * layout.inputs)
    }

    func forward(_ observations: UnsafeRawPointer, count: Int, step: Int, into vectors: UnsafeMutablePointer<Float>) {
        encode(observations, count: count, into: vectors)
    }

    /// y = x W^T + b
    func encode(_ observations: UnsafeRawPointer, count: Int, into vectors: UnsafeMutablePointer<Float>) {
        take(observations, count: count)
        let (inputs, width) = (layout.inputs, layout.width)
        Product.transpose(
            parameters.start + layout.weight, into: transposed.start, rows: width, columns: inputs)
        ck_product(
            self.inputs.start, inputs, 1, transposed.start, width, vectors, width, count, width, inputs,
            parameters.start + layout.bias, 0, Int32(CK_LINEAR))
    }

    /// dW += dy^T x, db += the sum of dy over the rows.
    func backward(
        _ vectorGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, count: Int,
        into gradients: UnsafeMutablePointer<Float>
    ) {
        take(observations, count: count)
        Linear.weightGradient(
            vectorGradients, inputs.start, into: gradients + layout.weight, rows: count, inputs: layout.inputs,
            outputs: layout.width)
        ck_column_sums(vectorGradients, gradients + layout.bias, count, layout.width)
    }

    /// Stored bytes need not be aligned.
    private func take(_ observations: UnsafeRawPointer, count: Int) {
        UnsafeMutableRawPointer(inputs.start).copyMemory(from: observations, byteCount: 4 * count * layout.inputs)
    }
}
