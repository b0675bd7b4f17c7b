internal import Synchronization
import Transport
import Wire

/// How a role's work gets on: written by the thread that works, read by the one that tells the coordinator.
///
/// A role is called step by step; each call is progress. In a step that may take long the role says itself how far it
/// is, by `note`, and so it does of work that many steps share.
///
/// ```swift
/// for (index, file) in files.enumerated() {
///     progress.note("loads streams", done: index, of: files.count)   // status: loads streams 512/10000 for 40 s
///     try load(file)
/// }
/// progress.finish()
/// ```
package final class WorkProgress: Sendable {
    struct State {
        /// Rises with everything that counts as progress.
        var count: UInt64 = 0
        /// What the role is called for; nil between two calls.
        var step: StaticString?
        var steps: UInt64 = 0
        var undertaking: Undertaking?
    }

    /// Work that the role speaks of itself.
    package struct Undertaking: Equatable, Sendable {
        /// A verb and its object, as `status` shows it behind the node's name.
        package let what: String
        /// Pieces that are done, of `total`; both 0 where pieces are not counted.
        package let done: UInt64
        package let total: UInt64
    }

    private let state = Mutex(State())

    package init() {}

    /// The role is at `what`, and has done so many pieces of it. It is progress if it says something new.
    package func note(_ what: String, done: Int = 0, of total: Int = 0) {
        let next = Undertaking(what: what, done: UInt64(max(0, done)), total: UInt64(max(0, total)))
        state.withLock { state in
            guard state.undertaking != next else { return }
            state.undertaking = next
            state.count += 1
        }
    }

    /// A part of the step that the role is in is done: for steps whose parts `status` does not show.
    package func advance() { state.withLock { $0.count += 1 } }

    /// What `note` spoke of last is over.
    package func finish() {
        state.withLock { state in
            state.undertaking = nil
            state.count += 1
        }
    }

    /// A call of the role begins; called by `RoleRunner` on the role's thread.
    func begin(_ step: StaticString) {
        state.withLock { state in
            state.step = step
            state.steps += 1
            state.count += 1
        }
    }

    /// The call has returned: the role waits for something to do, and stands still by no fault of its own.
    func end() {
        state.withLock { state in
            state.step = nil
            state.count += 1
        }
    }

    /// How often the work has got on: a number that only rises.
    package var count: UInt64 { current.count }

    /// What the role has last spoken of and is not done with.
    package var undertaking: Undertaking? { state.withLock { $0.undertaking } }

    var current: State { state.withLock { $0 } }
}

/// Sees from outside how long a role's work has lasted, and how long it has stood still. Belongs to the thread that
/// looks, and keeps the times itself, since `WorkProgress` knows no clock.
struct WorkWatch {
    /// A shorter step is none of the coordinator's business.
    static let noticeableNanoseconds: UInt64 = 1_000_000_000

    private var count: UInt64 = .max
    private var moved: UInt64 = 0
    private var steps: UInt64 = .max
    private var stepBegan: UInt64 = 0
    private var what: String?
    private var undertakingBegan: UInt64 = 0
    private var last = WorkProgress.State()

    /// Called again and again, much more often than what is to be noticed lasts.
    mutating func look(at progress: WorkProgress, now: UInt64) {
        let state = progress.current
        if state.count != count { (count, moved) = (state.count, now) }
        if state.steps != steps || state.step == nil { (steps, stepBegan) = (state.steps, now) }
        if state.undertaking?.what != what { (what, undertakingBegan) = (state.undertaking?.what, now) }
        last = state
    }

    /// Whether the role is in a step that lasts.
    func isInLongStep(now: UInt64) -> Bool { last.step != nil && now >= stepBegan + Self.noticeableNanoseconds }

    /// How long a step has shown no progress; 0 while the role waits for something to do.
    func stillMilliseconds(now: UInt64) -> UInt64 {
        last.step == nil ? 0 : (max(now, moved) - moved) / nanosecondsPerMillisecond
    }

    /// Nil for work that is not worth speaking of.
    func report(now: UInt64) -> Work? {
        if let undertaking = last.undertaking {
            return Work(
                what: undertaking.what,
                milliseconds: (max(now, undertakingBegan) - undertakingBegan) / nanosecondsPerMillisecond,
                stillMilliseconds: stillMilliseconds(now: now), done: undertaking.done, total: undertaking.total)
        }
        guard let step = last.step, isInLongStep(now: now) else { return nil }
        return Work(
            what: "\(step)", milliseconds: (now - stepBegan) / nanosecondsPerMillisecond,
            stillMilliseconds: stillMilliseconds(now: now))
    }
}
