/// A fixed number of floats on a cache-line boundary, zero at first, freed with its last owner.
///
/// Who may write is its owner's business: one thread at a time, or threads on ranges that do not overlap.
package final class FloatBuffer {
    package let count: Int
    package let start: UnsafeMutablePointer<Float>
    private let memory: UnsafeMutableRawPointer

    package init(_ count: Int) {
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        start = memory.bindMemory(to: Float.self, capacity: max(count, 1))
    }

    deinit { memory.deallocate() }

    /// A copy; `start` is for loops that keep the buffer alive themselves.
    package var values: [Float] { Array(UnsafeBufferPointer(start: start, count: count)) }

    package func copy(from other: FloatBuffer) {
        precondition(other.count == count)
        start.update(from: other.start, count: count)
    }
}
