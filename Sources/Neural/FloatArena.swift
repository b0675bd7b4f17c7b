/// One buffer that is given out in parts once, each on a cache line. The parts are pointers into `memory`, so an owner
/// that keeps a part has to keep `memory` too.
///
///     var arena = FloatArena([100, 7])   // 112 + 16 floats
///     let first = arena.take(100)
///     let second = arena.take(7)
///
/// Parts have to be taken in the order and the sizes in which they were asked for; nothing checks that.
package struct FloatArena {
    /// All parts, zero at first. Its size is the sum of the parts', each rounded up to 16 floats.
    package let memory: FloatBuffer
    /// Where the next part begins; behind the last part it points at the end of `memory`.
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

    /// `count` rounded up to a cache line of 64 bytes, which is 16 floats.
    private static func padded(_ count: Int) -> Int { (count + 15) & ~15 }
}
