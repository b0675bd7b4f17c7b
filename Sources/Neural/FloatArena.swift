/// One buffer that is given out in parts once, each on a cache line. Whoever keeps the parts keeps `memory`.
package struct FloatArena {
    package let memory: FloatBuffer
    private var next: UnsafeMutablePointer<Float>

    /// Room for a part of each of `counts` floats.
    package init(_ counts: [Int]) {
        memory = FloatBuffer(counts.reduce(0) { $0 + Self.padded($1) })
        next = memory.start
    }

    /// The next part, (count).
    package mutating func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        defer { next += Self.padded(count) }
        return next
    }

    private static func padded(_ count: Int) -> Int { (count + 15) & ~15 }
}
