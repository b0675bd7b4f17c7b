package import Coordination

/// Does its work when it is told to, or at once where it is not slow.
package final class SlowDisk: DiskWork {
    package var isSlow = true { didSet { if !isSlow { carryOut() } } }
    private var last: UInt64 = 0
    private var open: [(number: UInt64, work: @Sendable () throws -> Void)] = []
    private var ended: [EndedDiskWork] = []

    package init() {}

    package var waiting: Int { open.count }

    package func begin(_ work: @escaping @Sendable () throws -> Void) -> UInt64 {
        last += 1
        open.append((last, work))
        if !isSlow { carryOut() }
        return last
    }

    package func carryOut() {
        ended += open.map { EndedDiskWork($0.number, $0.work) }
        open = []
    }

    package func takeEnded() -> [EndedDiskWork] {
        defer { ended = [] }
        return ended
    }
}
