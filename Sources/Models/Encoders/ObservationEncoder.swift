package import Neural

/// The stage before a model where observations are not integers: all observations of a batch go through it at once,
/// before the workers share the windows among them, and their gradients go back through it when all workers are done.
/// So a batch norm sees the whole batch, and an image that several windows hold could be encoded once.
///
/// Its parameters lie in the model's flat buffer, where the optimiser finds them. One thread calls it; it has the
/// pool's threads for its work. All memory is taken when it is made.
package protocol ObservationEncoder: AnyObject {
    /// Vectors (count, width) of `count` observations, (count, bytes) as their space stores them, as training makes them
    /// in optimiser step `step`: with dropout, and with what a batch norm learns of the batch.
    func forward(_ observations: UnsafeRawPointer, count: Int, step: Int, into vectors: UnsafeMutablePointer<Float>)

    /// Adds to `gradients`, laid out as the model's parameters, what the gradient (count, width) of the last forward
    /// pass's vectors asks for. Once for each forward pass, with the same observations.
    func backward(
        _ vectorGradients: UnsafePointer<Float>, observations: UnsafeRawPointer, count: Int,
        into gradients: UnsafeMutablePointer<Float>)

    /// The vectors with frozen parameters. Each has the same bits whatever the others are, and however many.
    func encode(_ observations: UnsafeRawPointer, count: Int, into vectors: UnsafeMutablePointer<Float>)
}

extension BoundedImageEncoder: ObservationEncoder {}
