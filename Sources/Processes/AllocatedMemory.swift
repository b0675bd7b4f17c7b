internal import CProcesses

/// The memory of this process that the allocator (glibc's malloc) holds, used or not.
package enum AllocatedMemory {
    /// Gives pages that nothing uses any more back to the system, from the middle of the heap too. It takes some
    /// milliseconds for some hundred megabytes, in which other threads may wait for memory.
    ///
    /// A node's memory meter calls it (`MemoryMeter` in `Nodes`).
    package static func giveBack() { processes_trim_memory() }
}
