import CKernels

/// Convolution of images (height, width, inputs), channels innermost, with a square kernel and zeros around them.
///
/// The weight is PyTorch's, (outputs, inputs, kernel, kernel); the passes read it packed. Every call handles one image
/// on its caller's thread and allocates nothing. All shapes run through the same direct kernels.
package struct Convolution: Sendable {
    /// The same for the kernels.
    private let shape: ck_convolution

    /// `padding`: zeros on all four sides. Sizes come from a validated layout; what gives no output traps.
    package init(height: Int, width: Int, inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0) {
        precondition(height > 0 && width > 0 && inputs > 0 && outputs > 0 && kernel > 0 && stride > 0 && padding >= 0)
        precondition(min(height, width) + 2 * padding >= kernel, "the kernel is larger than the padded image")
        shape = ck_convolution(
            height: height, width: width, inputs: inputs, outputs: outputs, kernel: kernel, stride: stride,
            padding: padding)
    }

    /// Channels of an image that comes in, 3 for colours.
    package var inputs: Int { shape.inputs }
    /// Channels of an image that goes out: how many kernels there are.
    package var outputs: Int { shape.outputs }
    /// Rows of an image that goes out. A remainder that is smaller than the stride is not covered.
    package var outputHeight: Int { (shape.height + 2 * shape.padding - shape.kernel) / shape.stride + 1 }
    /// Columns of an image that goes out.
    package var outputWidth: Int { (shape.width + 2 * shape.padding - shape.kernel) / shape.stride + 1 }
    /// Floats of an image that comes in.
    package var inputCount: Int { shape.height * shape.width * shape.inputs }
    /// Floats of an image that goes out.
    package var outputCount: Int { outputHeight * outputWidth * outputs }
    /// Of the weight as PyTorch has it.
    package var weightShape: [Int] { [shape.outputs, shape.inputs, shape.kernel, shape.kernel] }

    /// Floats of scratch for any one pass.
    ///
    /// Holds the padded image in the forward pass, and what the gradient of the image needs in the backward pass.
    package var scratchCount: Int { withShape(ck_convolution_scratch) }
    /// Floats of the weight packed for the forward pass, and of its gradient.
    package var packedCount: Int { withShape(ck_convolution_packed) }
    /// Floats of the weight packed for the gradient of the image.
    package var packedBackwardCount: Int { withShape(ck_convolution_packed_backward) }

    /// The C kernels take the sizes by address.
    private func withShape<Result>(_ body: (UnsafePointer<ck_convolution>) -> Result) -> Result {
        withUnsafePointer(to: shape, body)
    }
}

// Weights.
extension Convolution {
    /// The weight in the order in which the forward pass reads it.
    ///
    /// Once for each change of the weights, for all images; every worker reads the result.
    package func pack(_ weight: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        withShape { ck_convolution_pack($0, weight, packed) }
    }

    /// The weight in the order in which `inputGradient` reads it.
    ///
    /// Mirrored and transposed, because the gradient of an image is a convolution of dy with the turned kernel.
    package func packBackward(_ weight: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        withShape { ck_convolution_pack_backward($0, weight, packed) }
    }

    /// dWeight += what `weightGradient` summed.
    ///
    /// The gradient's order is the packed one while workers sum; this brings the total into PyTorch's.
    package func unpack(_ packedGradient: UnsafePointer<Float>, into dWeight: UnsafeMutablePointer<Float>) {
        withShape { ck_convolution_unpack($0, packedGradient, dWeight) }
    }
}

// Passes.
extension Convolution {
    /// The image with its border, which `forward` and `weightGradient` read. `rectified`: of max(x, 0).
    ///
    /// Rectifying here saves a pass: a residual block rectifies its input before the convolution, and keeps the input
    /// itself for the skip.
    package func pad(
        _ x: UnsafePointer<Float>, rectified: Bool = false, into padded: UnsafeMutablePointer<Float>
    ) {
        withShape { ck_convolution_pad($0, x, rectified ? 1 : 0, padded) }
    }

    /// The same of pixels, divided by 255.
    ///
    /// Bytes 0 to 255 become numbers from 0 to 1. No gradient goes back to them.
    package func pad(pixels: UnsafePointer<UInt8>, into padded: UnsafeMutablePointer<Float>) {
        withShape { ck_convolution_pad_pixels($0, pixels, padded) }
    }

    /// y (output height, output width, outputs) = the convolution + bias (outputs) + addend, which may be y.
    ///
    /// `bias` is nil where a batch norm follows; `addend` is the skip connection of a residual block.
    package func forward(
        padded: UnsafePointer<Float>, packed: UnsafePointer<Float>, bias: UnsafePointer<Float>? = nil,
        adding addend: UnsafePointer<Float>? = nil, into y: UnsafeMutablePointer<Float>
    ) {
        withShape { ck_convolution_forward($0, padded, packed, bias, addend, y) }
    }

    /// dx (height, width, inputs) = the image's gradient where `gate` (the image before it was rectified) is positive,
    /// + addend, which may be dx.
    ///
    /// `gate` undoes the rectification of `pad`. `addend` is the gradient that a skip connection left there.
    package func inputGradient(
        _ dy: UnsafePointer<Float>, packedBackward: UnsafePointer<Float>, gate: UnsafePointer<Float>? = nil,
        adding addend: UnsafePointer<Float>? = nil, scratch: UnsafeMutablePointer<Float>,
        into dx: UnsafeMutablePointer<Float>
    ) {
        withShape { ck_convolution_backward_image($0, dy, packedBackward, gate, addend, scratch, dx) }
    }

    /// Adds the gradient of the packed weight.
    ///
    /// `packedGradient` has `packedCount` floats and belongs to one worker; `padded` is what the forward pass read.
    package func weightGradient(
        _ dy: UnsafePointer<Float>, padded: UnsafePointer<Float>, into packedGradient: UnsafeMutablePointer<Float>
    ) {
        withShape { ck_convolution_backward_weights($0, padded, dy, packedGradient) }
    }

    /// dBias (outputs) += the sums of dy over its pixels.
    package func biasGradient(_ dy: UnsafePointer<Float>, into dBias: UnsafeMutablePointer<Float>) {
        ck_pixel_sums(dy, outputHeight * outputWidth, outputs, dBias)
    }
}
