// Embedding: y (count, D) = rows of a table (vocabulary, D).
extension Reference {
    /// y (count, D) of the rows `indices` (count).
    ///
    /// The same as the product of one-hot rows with the table.
    package static func embedding(_ indices: [Int], _ table: Array, dimension: Int) -> Array {
        indices.flatMap { table[($0 * dimension)..<(($0 + 1) * dimension)] }
    }

    /// The table's gradient (vocabulary, D).
    ///
    /// An index that occurs several times gets the sum of its rows.
    package static func embeddingBackward(_ dy: Array, _ indices: [Int], vocabulary: Int, dimension: Int) -> Array {
        var dTable = Array(repeating: 0, count: vocabulary * dimension)
        for (row, index) in indices.enumerated() {
            for k in 0..<dimension { dTable[index * dimension + k] += dy[row * dimension + k] }
        }
        return dTable
    }
}
