/// A fixed number of floats on a cache-line boundary, zero at first, freed with its last owner: what parameters,
/// gradients, moments and activations lie in.
///
/// The owner decides which thread writes: one at a time, or several on ranges that do not overlap. Nothing checks an
/// index; a loop over `start` has to keep the buffer itself alive.
package final class FloatBuffer {
    /// Floats that may be used; what is allocated is at least one float, so that `start` is always an address.
    package let count: Int
    /// The first float, at an address that is a multiple of 64.
    package let start: UnsafeMutablePointer<Float>
    /// What `start` points into, kept to be freed.
    private let memory: UnsafeMutableRawPointer

    /// `count` zeros; 0 is allowed, as where a model has no encoder.
    package init(_ count: Int) {
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        start = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    }

    deinit { memory.deallocate() }

    /// A copy as an array, for tests and files; loops use `start`.
    package var values: [Float] { Array(UnsafeBufferPointer(start: start, count: count)) }

    /// Precondition: both have the same count.
    ///
    /// Neither buffer may be written by another thread meanwhile.
    package func copy(from other: FloatBuffer) {
        precondition(other.count == count)
        start.update(from: other.start, count: count)
    }
}
