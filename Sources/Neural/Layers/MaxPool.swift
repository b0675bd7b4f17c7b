import CKernels

/// Max pool of images (height, width, channels): the largest of every window, the first of equals, as in PyTorch.
///
/// The padding, at most half of the kernel, is never the largest. Handles one image on its caller's thread.
package struct MaxPool: Sendable {
    private let shape: ck_pool

    /// A kernel of at most 15 keeps a place in its window within one byte.
    package init(height: Int, width: Int, channels: Int, kernel: Int, stride: Int, padding: Int = 0) {
        precondition(height > 0 && width > 0 && channels > 0 && kernel > 0 && kernel <= 15 && stride > 0)
        precondition(padding >= 0 && 2 * padding <= kernel && min(height, width) + 2 * padding >= kernel)
        shape = ck_pool(
            height: height, width: width, channels: channels, kernel: kernel, stride: stride, padding: padding)
    }

    /// Rows of the output; the last window may not reach the border.
    package var outputHeight: Int { (shape.height + 2 * shape.padding - shape.kernel) / shape.stride + 1 }
    /// Columns of the output.
    package var outputWidth: Int { (shape.width + 2 * shape.padding - shape.kernel) / shape.stride + 1 }
    /// Floats of an image that comes in.
    package var inputCount: Int { shape.height * shape.width * shape.channels }
    /// Elements of the output, and of `places`.
    package var outputCount: Int { outputHeight * outputWidth * shape.channels }

    /// y (output height, output width, channels); `places` (as y) says where in its window each came from.
    ///
    /// Places are kept in bytes, a quarter of the memory that indices into x would take.
    package func forward(
        _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, places: UnsafeMutablePointer<UInt8>
    ) {
        withUnsafePointer(to: shape) { ck_pool_forward($0, x, y, places) }
    }

    /// dx (height, width, channels) from dy and the places of the forward pass.
    ///
    /// Writes all of dx: 0 for elements that were no window's largest, and a sum where windows overlap.
    package func backward(
        _ dy: UnsafePointer<Float>, places: UnsafePointer<UInt8>, into dx: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: shape) { ck_pool_backward($0, dy, places, dx) }
    }
}
