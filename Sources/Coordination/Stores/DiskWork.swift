import Dispatch
import Synchronization

/// Carries out work that waits for the disk. The caller hands work in, goes on, and asks later how it has ended,
/// each piece by its number: `DiskThread` in a process, `ImmediateDiskWork` in a simulation.
package protocol DiskWork: AnyObject {
    /// Gives back the work's number. Numbers rise from 1. The work must not touch what the caller goes on using, since
    /// it may run on another thread.
    func begin(_ work: @escaping @Sendable () throws -> Void) -> UInt64
    /// What has ended since the last call.
    func takeEnded() -> [EndedDiskWork]
}

/// A piece of work that has ended. A failure is a value here, so that the caller's thread decides what becomes of it.
package struct EndedDiskWork: Sendable {
    package let number: UInt64
    /// Why it failed; nil where it did not.
    package let error: (any Error)?

    /// Carries the work out, on the thread that makes the value, and keeps what it threw.
    package init(_ number: UInt64, _ work: () throws -> Void) {
        self.number = number
        do {
            try work()
            error = nil
        } catch { self.error = error }
    }
}

/// Carries work out in a thread of its own, one piece after the other: a slow disk does not hold up the thread that
/// hands it in.
package final class DiskThread: DiskWork, Sendable {
    /// What both threads touch, under one lock: the last number that was given out, and what has ended and was not
    /// taken.
    private struct State {
        var last: UInt64 = 0
        var ended: [EndedDiskWork] = []
    }

    /// Serial: works end in the order in which they were begun.
    private let queue = DispatchQueue(label: "disk")
    private let state = Mutex(State())

    package init() {}

    package func begin(_ work: @escaping @Sendable () throws -> Void) -> UInt64 {
        let number = state.withLock { state in
            state.last += 1
            return state.last
        }
        queue.async { [self] in
            let end = EndedDiskWork(number, work)
            state.withLock { $0.ended.append(end) }
        }
        return number
    }

    package func takeEnded() -> [EndedDiskWork] {
        state.withLock { state in
            defer { state.ended = [] }
            return state.ended
        }
    }
}

/// Carries work out where it is handed in, before `begin` returns: for simulations, in which nothing happens unseen.
package final class ImmediateDiskWork: DiskWork {
    private var last: UInt64 = 0
    private var ended: [EndedDiskWork] = []

    package init() {}

    package func begin(_ work: @escaping @Sendable () throws -> Void) -> UInt64 {
        last += 1
        ended.append(EndedDiskWork(last, work))
        return last
    }

    package func takeEnded() -> [EndedDiskWork] {
        defer { ended = [] }
        return ended
    }
}
