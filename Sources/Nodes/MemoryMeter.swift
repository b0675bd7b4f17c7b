import Neural

/// This process's resident memory, looked at once a second.
package struct MemoryMeter {
    private static let intervalNanoseconds: UInt64 = 1_000_000_000
    private var nextLook: UInt64 = 0
    private var last = 0.0

    package init() {}

    package mutating func bytes(now: UInt64) -> Double {
        if now >= nextLook {
            nextLook = now + Self.intervalNanoseconds
            last = (ResidentMemory.now().megabytes * 1e6).rounded()
        }
        return last
    }
}
