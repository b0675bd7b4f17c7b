import CKernels

/// Rows of a table: y_i = W[index_i], W (vocabulary, D). The transformer's fused embedding is `ck_embed_forward`.
package enum Embedding {
    /// y (count, D) = rows `indices` (count) of `table` (vocabulary, D).
    ///
    /// Indices are the caller's to check: one that is not in the table reads foreign memory.
    package static func forward(
        _ indices: UnsafePointer<Int32>, table: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int,
        dimension: Int
    ) { ck_rows_gather(table, indices, y, count, dimension) }

    /// Adds dy (count, D) to rows `indices` of the table's gradient.
    ///
    /// An index that occurs several times gets the sum of its rows' gradients, added in the order of the rows.
    package static func backward(
        _ dy: UnsafePointer<Float>, indices: UnsafePointer<Int32>, into dTable: UnsafeMutablePointer<Float>,
        count: Int, dimension: Int
    ) { ck_rows_scatter(dTable, indices, dy, count, dimension) }
}
