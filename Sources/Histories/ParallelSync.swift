import Dispatch
internal import Synchronization

/// Waits for the disk with several files at once: it then takes all of them in one go, where one after the other each
/// would wait for it to empty its cache.
enum ParallelSync {
    /// Threads that only wait.
    private static let waiting = 8
    /// Made at the first use, and kept for the process.
    private static let queues = (0..<waiting).map { DispatchQueue(label: "distillery.sync.\($0)") }

    /// Calls `sync` with every number below `count`, and gives what failed of each.
    ///
    /// Blocks the calling thread until all are done. Each number is tried once, on one of eight queues.
    ///
    /// Number i is tried by queue i modulo eight; with one file the calling thread does it itself.
    static func run(
        _ count: Int, _ sync: @escaping @Sendable (_ index: Int) throws(StreamError) -> Void
    ) -> [StreamError?] {
        @Sendable func attempt(_ index: Int) -> StreamError? {
            do throws(StreamError) {
                try sync(index)
                return nil
            } catch { return error }
        }
        guard count > 1 else { return (0..<count).map(attempt) }
        let failures = Failures(count)
        let group = DispatchGroup()
        for queue in 0..<min(count, waiting) {
            queues[queue].async(group: group) {
                for index in stride(from: queue, to: count, by: waiting) { failures.set(index, attempt(index)) }
            }
        }
        group.wait()
        return failures.all
    }

    /// What failed, written by several queues.
    private final class Failures: Sendable {
        private let list: Mutex<[StreamError?]>

        init(_ count: Int) { list = Mutex(Array(repeating: nil, count: count)) }

        /// Called once a number.
        func set(_ index: Int, _ error: StreamError?) { list.withLock { $0[index] = error } }
        /// Read when all queues are done.
        var all: [StreamError?] { list.withLock { $0 } }
    }
}
