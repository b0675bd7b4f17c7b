import CHDF5

/// A plain HDF5 file with one matrix of floats, for what other tools read.
package enum MatrixFile {
    /// Writes `values` (rows, columns) as the float32 dataset `name` of a new file; an existing file is replaced.
    /// Throws `StreamError`.
    package static func write(_ values: [Float], rows: Int, name: String, to path: String) throws(StreamError) {
        precondition(rows == 0 ? values.isEmpty : values.count % rows == 0, "a matrix of whole rows")
        let columns = rows == 0 ? 0 : values.count / rows
        try HDF5.locked { () throws(StreamError) in
            let file = try HDF5Identifier(
                H5Fcreate(path, distillery_h5_truncate(), 0, 0), closing: H5Fclose, path, "create the file")
            let dimensions = [hsize_t(rows), hsize_t(columns)]
            let space = try HDF5Identifier(
                H5Screate_simple(2, dimensions, nil), closing: H5Sclose, path, "describe the matrix")
            let dataset = try HDF5Identifier(
                H5Dcreate2(file.raw, name, distillery_h5_float32(), space.raw, 0, 0, 0), closing: H5Dclose, path,
                "create the dataset \(name)")
            guard !values.isEmpty else { return }
            try HDF5.check(H5Dwrite(dataset.raw, distillery_h5_float32(), 0, 0, 0, values), path, "write \(name)")
        }
    }
}
