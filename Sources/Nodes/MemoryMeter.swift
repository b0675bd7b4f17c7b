import Processes

/// This process's resident memory, looked at once a second, and kept down to what is in use.
///
/// What queues took for a while, when the process got little of the processor, stays with the allocator, in the
/// middle of its heap, after they are short again: a process that runs for days would keep its worst moment. Giving
/// it back costs some milliseconds, and page faults when the memory is taken again, and so it is done each 15 s.
package struct MemoryMeter {
    private static let intervalNanoseconds: UInt64 = 1_000_000_000
    private static let givingBackNanoseconds: UInt64 = 15_000_000_000
    private var nextLook: UInt64 = 0
    private var nextGivingBack: UInt64 = 0
    private var last = 0.0

    package init() {}

    /// Resident bytes at the last look. `now`: nanoseconds that never go back.
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
