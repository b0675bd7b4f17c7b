import Foundation

/// Threads that wait for work, wake together and are waited for together. The caller is worker 0, so a pool of 1 has no
/// thread of its own.
///
/// They are threads of the operating system, because a worker computes for tens of milliseconds without suspending,
/// which Swift's cooperative pool does not allow for.
///
///     let pool = WorkerPool(count: 4)
///     pool.run { worker in
///         for item in stride(from: worker, to: items.count, by: pool.count) { compute(items[item]) }
///     }
///
/// One thread at a time may call `run`, and not from inside a body. The threads end when the pool is freed.
package final class WorkerPool {
    /// Workers, the caller among them.
    package let count: Int
    /// Owned by the pool and by its threads, which therefore may outlive the pool for a moment.
    private let shared: Shared

    /// Starts `count` - 1 threads with a stack of 4 MiB each, named `worker 1` and so on. `count`: at least 1.
    package init(count: Int) {
        precondition(count >= 1)
        self.count = count
        shared = Shared()
        for worker in 1..<max(count, 1) {
            let thread = Thread { [shared] in shared.serve(worker) }
            thread.name = "worker \(worker)"
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    deinit { shared.stop() }

    /// Calls `body` once for every worker, each on its own thread, and returns when all have returned. `body` must be
    /// safe to call from several threads at once.
    ///
    /// Workers that `body` has no work for return at once. What `body` wrote may be read after the call by the caller.
    package func run(_ body: (_ worker: Int) -> Void) {
        guard count > 1 else { return body(0) }
        withoutActuallyEscaping(body) { escaping in
            shared.begin(escaping, workers: count - 1)
            escaping(0)
            shared.waitForAll()
        }
    }

    /// What the threads share; every field is guarded by `condition`, hence unchecked.
    private final class Shared: @unchecked Sendable {
        private let condition = NSCondition()
        /// The closure of the round at hand; nil between rounds.
        private var body: ((Int) -> Void)?
        /// Counts rounds, so that a thread does not do the same one twice.
        private var round = 0
        /// Threads that have not finished the round.
        private var running = 0
        /// Set once, when the pool is freed.
        private var stopped = false

        /// Wakes the threads for a round; the caller has its own part still to do.
        func begin(_ body: @escaping (Int) -> Void, workers: Int) {
            condition.lock()
            self.body = body
            running = workers
            round += 1
            condition.broadcast()
            condition.unlock()
        }

        /// Returns when the threads have finished the round, and lets go of the body.
        func waitForAll() {
            condition.lock()
            while running > 0 { condition.wait() }
            body = nil
            condition.unlock()
        }

        /// Wakes all threads for the last time. They end on their own; the pool does not wait for them.
        func stop() {
            condition.lock()
            stopped = true
            condition.broadcast()
            condition.unlock()
        }

        /// The life of a thread: one round after another until the pool stops.
        func serve(_ worker: Int) {
            var seen = 0
            while let round = work(worker, after: seen) {
                seen = round
                finish()
            }
        }

        /// Waits for a round after `seen`, does this worker's part and returns the round; nil at the end. Never
        /// inlined, so that the reference to the body is gone before `finish` says that it is.
        @inline(never)
        private func work(_ worker: Int, after seen: Int) -> Int? {
            condition.lock()
            while !stopped, round == seen || body == nil { condition.wait() }
            let (current, body) = (round, stopped ? nil : body)
            condition.unlock()
            guard let body else { return nil }
            body(worker)
            return current
        }

        /// The last thread to finish wakes the caller.
        private func finish() {
            condition.lock()
            running -= 1
            if running == 0 { condition.broadcast() }
            condition.unlock()
        }
    }
}
