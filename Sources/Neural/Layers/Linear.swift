import CKernels
import COpenBLAS

/// The linear layer y = x W^T with W (outputs, inputs) as in PyTorch; the bias belongs to the kernel that follows, or
/// is added by `addBias`.
///
/// OpenBLAS runs on the caller's thread alone: parallelism is the caller's. A row's bits may depend on how many rows
/// stand beside it; where that matters, use `Product`.
///
///     let weight: [Float] = [3, 4, 5, 6]                     // (2, 2)
///     var y: [Float] = [0, 0]
///     Linear.forward([1, 2], weight: weight, into: &y, rows: 1, inputs: 2, outputs: 2)   // y = (11, 17)
package enum Linear {
    /// Set once for the process, before its first product.
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// y (rows, outputs) = x (rows, inputs) W^T. `stride`, `inputStride`: floats from one row of y or x to the next.
    ///
    /// With `accumulate` the product is added to y. Strides serve views: columns of a wider matrix are read or written
    /// in place.
    package static func forward(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int,
        inputs: Int, outputs: Int, stride: Int? = nil, accumulate: Bool = false, inputStride: Int? = nil
    ) {
        _ = singleThreaded
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(outputs), Int32(inputs), 1, x,
            Int32(inputStride ?? inputs), weight, Int32(inputs), accumulate ? 1 : 0, y, Int32(stride ?? outputs))
    }

    /// dx (rows, inputs) = dy (rows, outputs) W, or is increased by it. `stride`: from one row of dx to the next.
    ///
    /// Independent of the forward pass: it needs the weight and dy alone.
    package static func inputGradient(
        _ dy: UnsafePointer<Float>, weight: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>, rows: Int,
        inputs: Int, outputs: Int, accumulate: Bool = false, stride: Int? = nil
    ) {
        _ = singleThreaded
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(inputs), Int32(outputs), 1, dy,
            Int32(outputs), weight, Int32(inputs), accumulate ? 1 : 0, dx,
            Int32(stride ?? inputs))
    }

    /// dW (outputs, inputs) += dy^T x. `inputStride`: floats from one row of x to the next.
    ///
    /// Always adds, so that several calls sum over a batch that is taken in pieces.
    package static func weightGradient(
        _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, into dWeight: UnsafeMutablePointer<Float>, rows: Int,
        inputs: Int, outputs: Int, inputStride: Int? = nil
    ) {
        _ = singleThreaded
        cblas_sgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, Int32(outputs), Int32(inputs), Int32(rows), 1, dy, Int32(outputs),
            x, Int32(inputStride ?? inputs), 1, dWeight, Int32(inputs))
    }

    /// y (rows, outputs) += b (outputs).
    ///
    /// A pass of its own; where another kernel follows, that kernel adds the bias instead.
    package static func addBias(
        _ bias: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, rows: Int, outputs: Int
    ) { ck_bias_add(y, bias, rows, outputs) }

    /// db (outputs) += column sums of dy (rows, outputs).
    ///
    /// The bias of every row is the same, so that its gradient is a sum over the rows.
    package static func biasGradient(
        _ dy: UnsafePointer<Float>, into dBias: UnsafeMutablePointer<Float>, rows: Int, outputs: Int
    ) { ck_column_sums(dy, dBias, rows, outputs) }
}
