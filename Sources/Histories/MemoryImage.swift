import CHDF5
import Glibc

/// What a file that is made in memory leaves when it is closed. It outlives the file.
final class MemoryImage {
    /// By how much it grows.
    static let stepBytes = 64 << 10
    /// Where HDF5's superblock (version 3) says how long the file is.
    private static let lengthOffset = 28

    /// What the C shim fills while the library writes; freed with this object.
    let raw: UnsafeMutablePointer<distillery_h5_image>

    /// Empty: the library grows it by `stepBytes`.
    init() {
        raw = .allocate(capacity: 1)
        raw.initialize(to: distillery_h5_image())
    }

    deinit {
        free(raw.pointee.bytes)
        raw.deallocate()
    }

    /// The whole file, which is closed.
    ///
    /// Throws `inputOutput` where the library has run out of memory, or left something that is no file.
    func bytes(_ path: String) throws(StreamError) -> [UInt8] {
        let size = raw.pointee.bytes == nil ? 0 : raw.pointee.size
        let all = UnsafeRawBufferPointer(start: raw.pointee.bytes, count: size)
        let problem = StreamError.inputOutput(
            path: path, operation: "make the file in memory", message: "it has \(all.count) bytes", code: ENOMEM)
        guard all.count >= Self.lengthOffset + MemoryLayout<UInt64>.size else { throw problem }
        let length = UInt64(littleEndian: all.loadUnaligned(fromByteOffset: Self.lengthOffset, as: UInt64.self))
        guard length <= UInt64(all.count) else { throw problem }
        return Array(all[..<Int(length)])
    }
}
