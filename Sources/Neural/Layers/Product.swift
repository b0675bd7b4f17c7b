import CKernels

/// Matrix products of our own kernel: a row's bits do not depend on the rows around it.
///
/// They are fastest for right-hand sides that stay in the second-level cache and whose rows lie close together, which
/// are read where they lie; `Linear` is for large ones. A stride is the number of floats from one row to the next.
package enum Product {
    /// c (rows, columns) = a b, or is increased by it; a (rows, depth), b (depth, columns).
    @inline(__always)
    package static func plain(
        _ a: UnsafePointer<Float>, stride aStride: Int, _ b: UnsafePointer<Float>, stride bStride: Int,
        into c: UnsafeMutablePointer<Float>, stride cStride: Int, rows: Int, columns: Int, depth: Int,
        accumulate: Bool = false
    ) {
        ck_product(
            a, aStride, 1, b, bStride, c, cStride, rows, columns, depth, nil, accumulate ? 1 : 0, Int32(CK_LINEAR))
    }

    /// c (rows, columns) += a^T b; a (depth, rows), b (depth, columns).
    ///
    /// The gradient of a weight: a and b are activations and gradients of `depth` rows. Always adds.
    @inline(__always)
    package static func transposed(
        _ a: UnsafePointer<Float>, stride aStride: Int, _ b: UnsafePointer<Float>, stride bStride: Int,
        addingTo c: UnsafeMutablePointer<Float>, stride cStride: Int, rows: Int, columns: Int, depth: Int
    ) {
        ck_product(a, 1, aStride, b, bStride, c, cStride, rows, columns, depth, nil, 1, Int32(CK_LINEAR))
    }

    /// b (columns, rows) = a^T; a (rows, columns).
    ///
    /// Callers do it before a loop of products, so that `plain` reads the weight row by row.
    package static func transpose(
        _ a: UnsafePointer<Float>, into b: UnsafeMutablePointer<Float>, rows: Int, columns: Int
    ) {
        ck_transpose(a, b, rows, columns)
    }
}
