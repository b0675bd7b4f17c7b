import Processes

/// This process's resident memory, looked at once a second, and kept down to what is in use.
///
/// What queues once took while others had the processor stays with the allocator, in the middle of its heap, when they are
/// short again; a process that runs for days would keep its worst moment. Giving it back costs some milliseconds and the
/// page faults of those who take it again, so that it is done seldom.
package struct MemoryMeter {
    private static let intervalNanoseconds: UInt64 = 1_000_000_000
    private static let givingBackNanoseconds: UInt64 = 15_000_000_000
    private var nextLook: UInt64 = 0
    private var nextGivingBack: UInt64 = 0
    private var last = 0.0

    package init() {}

    package mutating func bytes(now: UInt64) -> Double {
        if now >= nextGivingBack {
            nextGivingBack = now + Self.givingBackNanoseconds
            AllocatedMemory.giveBack()
        }
        if now >= nextLook {
            nextLook = now + Self.intervalNanoseconds
            last = (ResidentMemory.now().megabytes * 1e6).rounded()
        }
        return last
    }
}
