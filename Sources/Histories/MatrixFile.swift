import CHDF5
import Glibc

/// A plain HDF5 file with one matrix of float32, for tools outside Distillery, such as h5py.
package enum MatrixFile {
    /// Writes `values` (rows, columns) as the float32 dataset `name` of a new file, beside `path` until it is whole; an
    /// existing file is then replaced. Throws `StreamError`.
    ///
    /// Not a stream: it has no attributes, and no checksum of ours. `distillery predict` writes its logits with it.
    package static func write(_ values: [Float], rows: Int, name: String, to path: String) throws(StreamError) {
        precondition(rows == 0 ? values.isEmpty : values.count % rows == 0, "a matrix of whole rows")
        let partial = "\(path).\(getpid()).partial"
        do {
            try HDF5.locked { () throws(StreamError) in try create(partial, values, rows: rows, name: name) }
            try synchronizeFile(partial)
            try replaceFile(partial, path)
        } catch {
            unlink(partial)
            throw error
        }
        try synchronizeFolder(of: path)
    }

    /// Whether the file at `path` has a dataset `name` and is no recorded stream, or is empty.
    ///
    /// So that a tool does not write over something else by mistake.
    package static func isMatrix(at path: String, name: String) -> Bool {
        if fileSize(path) == 0 { return true }
        return HDF5.locked {
            let file = H5Fopen(path, 0, 0)
            guard file >= 0 else { return false }
            defer { _ = H5Fclose(file) }
            return H5Lexists(file, name, 0) > 0 && H5Lexists(file, "rollouts", 0) == 0
        }
    }

    /// Under the lock. A matrix without rows is a dataset of 0 x 0.
    private static func create(
        _ path: String, _ values: [Float], rows: Int, name: String
    ) throws(StreamError) {
        let file = try HDF5Identifier(
            H5Fcreate(path, distillery_h5_truncate(), 0, 0), closing: H5Fclose, path, "create the file")
        let dimensions = [hsize_t(rows), hsize_t(rows == 0 ? 0 : values.count / rows)]
        let space = try HDF5Identifier(
            H5Screate_simple(2, dimensions, nil), closing: H5Sclose, path, "describe the matrix")
        let dataset = try HDF5Identifier(
            H5Dcreate2(file.raw, name, distillery_h5_float32(), space.raw, 0, 0, 0), closing: H5Dclose, path,
            "create the dataset \(name)")
        guard !values.isEmpty else { return }
        try HDF5.check(H5Dwrite(dataset.raw, distillery_h5_float32(), 0, 0, 0, values), path, "write \(name)")
    }
}
