import CHDF5
import Glibc

/// A plain HDF5 file of arrays, for tools outside Distillery, such as h5py.
package enum TensorFile {
    /// One dataset, row after row.
    package struct Tensor: Sendable {
        package let name: String
        package let shape: [Int]
        package let values: Values

        /// Precondition: there are as many values as the shape has elements.
        package init(_ name: String, _ shape: [Int], _ values: Values) {
            precondition(values.count == shape.reduce(1, *), "values of the shape")
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// In the file as float32 or int32, little-endian.
    package enum Values: Sendable {
        case floats([Float])
        case integers([Int32])

        var count: Int {
            switch self {
            case .floats(let values): values.count
            case .integers(let values): values.count
            }
        }
    }

    /// Writes the datasets of a new file beside `path` until it is whole; an existing file is then replaced. Throws
    /// `StreamError`.
    ///
    /// Not a stream: it has no attributes, and no checksum of ours.
    package static func write(_ tensors: [Tensor], to path: String) throws(StreamError) {
        let partial = "\(path).\(getpid()).partial"
        do {
            try HDF5.locked { () throws(StreamError) in try create(partial, tensors) }
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
    package static func holds(_ name: String, at path: String) -> Bool {
        if fileSize(path) == 0 { return true }
        return HDF5.locked {
            let file = H5Fopen(path, 0, 0)
            guard file >= 0 else { return false }
            defer { _ = H5Fclose(file) }
            return H5Lexists(file, name, 0) > 0 && H5Lexists(file, "rollouts", 0) == 0
        }
    }

    /// Under the lock.
    private static func create(_ path: String, _ tensors: [Tensor]) throws(StreamError) {
        let file = try HDF5Identifier(
            H5Fcreate(path, distillery_h5_truncate(), 0, 0), closing: H5Fclose, path, "create the file")
        for tensor in tensors {
            let space = try HDF5Identifier(
                H5Screate_simple(Int32(tensor.shape.count), tensor.shape.map { hsize_t($0) }, nil), closing: H5Sclose,
                path, "describe \(tensor.name)")
            switch tensor.values {
            case .floats(let values): try create(tensor, distillery_h5_float32(), values, in: file, space, path)
            case .integers(let values): try create(tensor, distillery_h5_int32(), values, in: file, space, path)
            }
        }
    }

    private static func create<Value: BitwiseCopyable>(
        _ tensor: Tensor, _ type: hid_t, _ values: [Value], in file: borrowing HDF5Identifier,
        _ space: borrowing HDF5Identifier, _ path: String
    ) throws(StreamError) {
        let dataset = try HDF5Identifier(
            H5Dcreate2(file.raw, tensor.name, type, space.raw, 0, 0, 0), closing: H5Dclose, path,
            "create the dataset \(tensor.name)")
        guard !values.isEmpty else { return }
        try HDF5.check(H5Dwrite(dataset.raw, type, 0, 0, 0, values), path, "write \(tensor.name)")
    }
}
