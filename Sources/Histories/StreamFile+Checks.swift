import CHDF5
import Experience

/// What a file may claim: columns of the types and shapes that its spaces say, and no more than its bytes can hold.
extension StreamFile {
    /// Refuses datasets of another type or shape than the spaces say, and chunks that no file of ours has.
    ///
    /// Reads 33 dimensions at most, the library's own limit and one more.
    func checkShape(of column: StreamColumn, _ dataset: hid_t) throws(StreamError) {
        let what = "read the type of \(column.name)"
        let type = try HDF5Identifier(H5Dget_type(dataset), closing: H5Tclose, path, what)
        guard H5Tequal(type.raw, column.type.identifier) > 0 else {
            throw .damaged(path: path, problem: "\(column.name) should hold little-endian \(column.type.name)")
        }
        let space = try HDF5Identifier(H5Dget_space(dataset), closing: H5Sclose, path, what)
        let rank = Int(H5Sget_simple_extent_ndims(space.raw))
        var dimensions = [hsize_t](repeating: 0, count: 33)
        guard rank == 1 + column.shape.count, H5Sget_simple_extent_dims(space.raw, &dimensions, nil) == Int32(rank),
            dimensions[1..<rank].elementsEqual(column.shape.map { hsize_t($0) })
        else {
            throw .damaged(
                path: path,
                problem: "\(column.name) should have the shape (N\(column.shape.map { ", \($0)" }.joined()))")
        }
        try checkChunks(of: column, dataset, rank: rank)
    }

    private func checkChunks(of column: StreamColumn, _ dataset: hid_t, rank: Int) throws(StreamError) {
        let what = "read the layout of \(column.name)"
        let creation = try HDF5Identifier(H5Dget_create_plist(dataset), closing: H5Pclose, path, what)
        guard H5Pget_layout(creation.raw) == H5D_CHUNKED else { return }
        var chunk = [hsize_t](repeating: 0, count: 33)
        try HDF5.check(H5Pget_chunk(creation.raw, 33, &chunk), path, what)
        let chunkBytes = chunk[..<rank].reduce(hsize_t(column.type.byteCount)) {
            $0.multipliedReportingOverflow(by: $1).overflow ? .max : $0 * $1
        }
        guard chunkBytes <= StreamFile.largestChunkBytes else {
            throw .damaged(path: path, problem: "\(column.name) has chunks of \(chunkBytes) bytes")
        }
    }

    /// Rows that fit the stored bytes at deflate's best ratio (1,032 to 1, taken as 1,100), so that no reader allocates
    /// what a damaged file merely claims.
    func largestCount(of index: Int) throws(StreamError) -> Int {
        let (column, dataset) = (columns[index], datasets[index])
        let what = "read the layout of \(column.name)"
        let creation = try HDF5Identifier(H5Dget_create_plist(dataset), closing: H5Pclose, path, what)
        var possible = H5Dget_storage_size(dataset)
        // The library also gives 0 when it cannot read the list of chunks.
        if possible == 0, H5Eget_num(0) > 0 { throw HDF5.failure(path, what) }
        if H5Pget_nfilters(creation.raw) > 0 {
            let (product, overflow) = possible.multipliedReportingOverflow(by: 1100)
            possible = overflow ? .max : product
        }
        return Int(clamping: possible / hsize_t(column.rowBytes))
    }

    /// 16 rows of the largest element.
    private static let largestChunkBytes = hsize_t(16 * Space.largestElementBytes)
}
