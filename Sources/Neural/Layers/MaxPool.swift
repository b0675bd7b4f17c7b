import CKernels

/// Max pool of images (height, width, channels): the largest of every window, the first of equals, as in PyTorch.
///
/// The padding, at most half of the kernel, is never the largest. Handles one image on its caller's thread.
package struct MaxPool: Sendable {
    private let shape: ck_pool

    /// A kernel of at most 15 keeps a place in its window within one byte. `partial`: whether the last windows may reach
    /// beyond the image, as with PyTorch's `ceil_mode`; otherwise they may leave out its last pixels.
    package init(
        height: Int, width: Int, channels: Int, kernel: Int, stride: Int, padding: Int = 0, partial: Bool = false
    ) {
        precondition(height > 0 && width > 0 && channels > 0 && kernel > 0 && kernel <= 15 && stride > 0)
        precondition(padding >= 0 && 2 * padding <= kernel)
        precondition(partial || min(height, width) + 2 * padding >= kernel)
        shape = ck_pool(
            height: height, width: width, channels: channels, kernel: kernel, stride: stride, padding: padding,
            partial: partial ? 1 : 0)
    }

    /// Rows of the output.
    package var outputHeight: Int { windows(over: shape.height) }
    /// Columns of the output.
    package var outputWidth: Int { windows(over: shape.width) }

    /// A window begins inside the image or its first padding.
    private func windows(over size: Int) -> Int {
        let beyond = max(0, size + 2 * shape.padding - shape.kernel)
        guard shape.partial != 0 else { return beyond / shape.stride + 1 }
        let count = (beyond + shape.stride - 1) / shape.stride + 1
        return min(count, (size + shape.padding - 1) / shape.stride + 1)
    }

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

// Behind a batch norm, in one pass with it.
extension MaxPool {
    /// y (output height, output width, channels) = the largest of each window of max(normalised x, 0); `places` as above.
    package func forward(
        normalising x: UnsafePointer<Float>, _ statistics: BatchNorm.Statistics, gain: UnsafePointer<Float>,
        shift: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, places: UnsafeMutablePointer<UInt8>
    ) {
        withUnsafePointer(to: shape) {
            ck_block_forward($0, x, statistics.mean, statistics.inverse, gain, shift, y, places)
        }
    }

    /// One image's sums for `BatchNorm.backwardGather`, from dy (as y). A dropout may have followed y, of which dy is then
    /// the gradient, too: what it dropped is 0 in both.
    package func backwardSums(
        _ dy: UnsafePointer<Float>, y: UnsafePointer<Float>, places: UnsafePointer<UInt8>,
        normalised x: UnsafePointer<Float>, _ statistics: BatchNorm.Statistics,
        into sums: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: shape) {
            ck_block_backward_sums($0, dy, y, places, x, statistics.mean, statistics.inverse, sums)
        }
    }

    /// dx (height, width, channels) of the norm's input; `means` as `BatchNorm.backwardGather` left them.
    package func backward(
        _ dy: UnsafePointer<Float>, y: UnsafePointer<Float>, places: UnsafePointer<UInt8>,
        normalised x: UnsafePointer<Float>, _ statistics: BatchNorm.Statistics, gain: UnsafePointer<Float>,
        means: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: shape) {
            ck_block_backward(
                $0, dy, y, places, x, statistics.mean, statistics.inverse, gain, means, dx)
        }
    }
}
